/* SPDX-License-Identifier: Apache-2.0
 * Writes all it can know of its own state to a file: `state FILE [ACTION]...`. What differs between
 * any two runs (pids, addresses) is written relative to what ought to be, or left out. The actions,
 * done then: exit=N, signal=N (killed by it), await=N (a blocked signal), copy (standard input to
 * standard output), say (prints "ready"), ready (the same, and waits for ever). */
#include "arch.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

/* Enough text for huge pages at any address. */
__asm__(".pushsection .text.filler, \"ax\"\n" TRAPS(0x600000) ".popsection");

extern char **environ;
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

static void print_link(FILE *out, const char *name, const char *path)
{
    char target[4096];
    ssize_t n = readlink(path, target, sizeof target - 1);
    target[n < 0 ? 0 : n] = '\0';
    fprintf(out, "%s %s\n", name, target);
}

static void print_file(FILE *out, const char *name, const char *path)
{
    char line[4096];
    FILE *in = fopen(path, "r");
    while (in && fgets(line, sizeof line, in))
        fprintf(out, "%s %s%s", name, line, strchr(line, '\n') ? "" : "\n");
    if (in)
        fclose(in);
}

static int starts(const char *text, const char *start) { return !strncmp(text, start, strlen(start)); }

static void print_status(FILE *out)
{
    static const char *const varying[] = {"Vm",  "Rss", "Huge", "volunt", "nonvol", "Pid:",
                                          "Tgid", "NS", "PPid", "SigQ",   NULL};
    char line[4096];
    FILE *in = fopen("/proc/self/status", "r");
    while (in && fgets(line, sizeof line, in)) {
        int skip = 0;
        for (int i = 0; varying[i]; i++)
            skip |= starts(line, varying[i]);
        if (!skip)
            fprintf(out, "status %s", line);
    }
    if (in)
        fclose(in);
}

/* The fields of /proc/PID/stat that do not change by themselves. */
static void print_stat(FILE *out)
{
    static const int fields[] = {7, 8, 9, 18, 19, 20, 38, 40, 41, 0};
    char text[4096] = "", *at;
    FILE *in = fopen("/proc/self/stat", "r");
    if (in && fgets(text, sizeof text, in) && (at = strrchr(text, ')')))
        for (int field = 3, i = 0; (at = strchr(at, ' ')) && fields[i]; field++) {
            at++;
            if (field == fields[i])
                fprintf(out, "stat %d %ld\n", field, strtol(at, NULL, 10)), i++;
        }
    if (in)
        fclose(in);
}

static void print_family(FILE *out)
{
    static const char *const names[] = {"WATCH_CHILD", "WATCH_PID", "WATCH_GROUP", "WATCH_SESSION"};
    pid_t real[] = {getpid(), getppid(), getpgrp(), getsid(0)};
    char path[64];
    for (int i = 0; i < 4; i++) {
        const char *given = getenv(names[i]);
        fprintf(out, "family %s %s\n", names[i], given && atoi(given) == real[i] ? "yes" : "no");
    }
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    print_file(out, "child", path);
}

static void print_files(FILE *out)
{
    struct dirent *entry;
    DIR *folder = opendir("/proc/self/fd");
    while (folder && (entry = readdir(folder))) {
        char path[300], name[300];
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fd == dirfd(folder))
            continue;
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        snprintf(name, sizeof name, "file %d %#x %#x %ld", fd, fcntl(fd, F_GETFD), fcntl(fd, F_GETFL),
                 (long)lseek(fd, 0, SEEK_CUR));
        print_link(out, name, path);
    }
    if (folder)
        closedir(folder);
}

static void print_signals(FILE *out)
{
    sigset_t mask, pending;
    stack_t stack;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    sigpending(&pending);
    for (int i = 1; i <= SIGRTMAX; i++) {
        struct sigaction action;
        if (sigaction(i, NULL, &action) < 0)
            continue;
        fprintf(out, "signal %d %s %#x%s%s\n", i,
                action.sa_handler == SIG_DFL   ? "default"
                : action.sa_handler == SIG_IGN ? "ignored"
                                               : "handled",
                (unsigned)action.sa_flags, sigismember(&mask, i) ? " blocked" : "",
                sigismember(&pending, i) ? " pending" : "");
    }
    sigaltstack(NULL, &stack);
    fprintf(out, "signal stack %#x %zu\n", (unsigned)stack.ss_flags, stack.ss_size);
}

/* On the stack the vector follows the environment that execve gave. */
static void print_auxv(FILE *out, char **argv)
{
    char bytes[4096], **end = argv;
    while (*end)
        end++;
    while (*++end)
        ;
    const uint64_t base = (uint64_t)(uintptr_t)&__ehdr_start;
    int fd = open("/proc/self/auxv", O_RDONLY | O_CLOEXEC);
    ssize_t size = read(fd, bytes, sizeof bytes);
    close(fd);
    for (const ElfW(auxv_t) *a = (const void *)bytes; (const char *)a < bytes + size; a++) {
        uint64_t value = a->a_un.a_val;
        fprintf(out, "auxv %lu ", a->a_type);
        if (a->a_type == AT_EXECFN || a->a_type == AT_PLATFORM)
            fprintf(out, "%s", (const char *)(uintptr_t)value);
        else if (a->a_type == AT_ENTRY)
            fprintf(out, "header %s", value - (__ehdr_start.e_type == ET_DYN ? base : 0) ==
                    __ehdr_start.e_entry ? "right" : "wrong");
        else if (a->a_type == AT_PHDR)
            fprintf(out, "header %s", value - base == __ehdr_start.e_phoff ? "right" : "wrong");
        else if (a->a_type == AT_BASE || a->a_type == AT_SYSINFO_EHDR)
            fprintf(out, "%s", value == 0                                               ? "0"
                               : !memcmp((const void *)(uintptr_t)value, ELFMAG, SELFMAG) ? "an object"
                                                                                          : "wrong");
        else if (a->a_type != AT_RANDOM)
            fprintf(out, "%#lx", value);
        fprintf(out, " getauxval %s\n", getauxval(a->a_type) == value ? "same" : "other");
    }
    fprintf(out, "auxv stack %s\n", memcmp(end + 1, bytes, (size_t)size) ? "other" : "same");
}

static void print_attributes(FILE *out)
{
    static const int options[] = {PR_GET_DUMPABLE,         PR_GET_KEEPCAPS, PR_GET_NO_NEW_PRIVS,
                                  PR_GET_SECUREBITS,       PR_GET_TIMERSLACK, PR_GET_THP_DISABLE,
                                  PR_MCE_KILL_GET,         0};
    int value = 0;
    cpu_set_t cpus;
    struct sched_param param;
    struct itimerval timer;
    for (int i = 0; options[i]; i++)
        fprintf(out, "prctl %d %d\n", options[i], prctl(options[i], 0, 0, 0, 0));
    prctl(PR_GET_PDEATHSIG, &value);
    fprintf(out, "pdeathsig %d\n", value);
    prctl(PR_GET_CHILD_SUBREAPER, &value);
    fprintf(out, "subreaper %d\n", value);
    prctl(PR_GET_TSC, &value);
    fprintf(out, "tsc %d\n", value);
    fprintf(out, "personality %#x\n", (unsigned)personality(0xffffffff));
    sched_getaffinity(0, sizeof cpus, &cpus);
    fprintf(out, "cpus %d %d\n", CPU_COUNT(&cpus), CPU_ISSET(0, &cpus));
    sched_getparam(0, &param);
    fprintf(out, "scheduler %d %d nice %d\n", sched_getscheduler(0), param.sched_priority,
            getpriority(PRIO_PROCESS, 0));
    fprintf(out, "ioprio %ld\n", syscall(SYS_ioprio_get, 1, 0));
    getitimer(ITIMER_REAL, &timer);
    fprintf(out, "timer %s\n", timer.it_value.tv_sec || timer.it_value.tv_usec ? "runs" : "none");
    fprintf(out, "float mode %#lx\n", float_mode());
}

static void print_huge(FILE *out)
{
    char line[4096];
    long sum = 0, kib;
    FILE *in = fopen("/proc/self/smaps", "r");
    for (int text = 0; in && fgets(line, sizeof line, in);) {
        char perms[5];
        if (sscanf(line, "%*[0-9a-f]-%*[0-9a-f] %4s", perms) == 1)
            text = perms[2] == 'x';
        else if (text && (sscanf(line, "AnonHugePages: %ld", &kib) == 1 ||
                          sscanf(line, "ShmemPmdMapped: %ld", &kib) == 1 ||
                          sscanf(line, "FilePmdMapped: %ld", &kib) == 1 ||
                          sscanf(line, "Private_Hugetlb: %ld", &kib) == 1 ||
                          sscanf(line, "Shared_Hugetlb: %ld", &kib) == 1))
            sum += kib;
    }
    fprintf(out, "huge %ld\n", sum);
    if (in)
        fclose(in);
}

static void print_all(FILE *out, char **argv)
{
    static const char *const files[] = {"comm",      "limits",        "timerslack_ns",   "cgroup",
                                        "loginuid",  "sessionid",     "coredump_filter", "oom_score_adj",
                                        "timens_offsets", NULL};
    static const char *const links[] = {"cwd",    "root",   "exe",    "ns/mnt", "ns/pid",
                                        "ns/net", "ns/ipc", "ns/uts", "ns/user", NULL};
    char path[64];
    print_files(out); /* first, before any file is opened here */
    print_signals(out);
    print_family(out);
    print_status(out);
    print_stat(out);
    print_auxv(out, argv);
    print_attributes(out);
    for (int i = 0; argv[i]; i++)
        fprintf(out, "argv %s\n", argv[i]);
    for (char **e = environ; *e; e++)
        if (!starts(*e, "WATCH_") && !starts(*e, "_="))
            fprintf(out, "environment %s\n", *e);
    for (int i = 0; files[i]; i++) {
        snprintf(path, sizeof path, "/proc/self/%s", files[i]);
        print_file(out, files[i], path);
    }
    for (int i = 0; links[i]; i++) {
        snprintf(path, sizeof path, "/proc/self/%s", links[i]);
        print_link(out, links[i], path);
    }
    print_huge(out);
}

static void act(const char *action)
{
    sigset_t all, one;
    char bytes[4096];
    int n = atoi(strchr(action, '=') ? strchr(action, '=') + 1 : "0");
    if (starts(action, "exit="))
        exit(n);
    if (starts(action, "signal=")) {
        sigfillset(&all);
        sigprocmask(SIG_UNBLOCK, &all, NULL);
        kill(getpid(), n);
    }
    if (starts(action, "await=")) {
        sigemptyset(&one);
        sigaddset(&one, n);
        sigwaitinfo(&one, NULL);
    }
    if (starts(action, "copy"))
        while ((n = (int)read(STDIN_FILENO, bytes, sizeof bytes)) > 0)
            if (write(STDOUT_FILENO, bytes, (size_t)n) != n)
                exit(97);
    if (starts(action, "say") || starts(action, "ready"))
        (void)!write(STDOUT_FILENO, "ready\n", 6);
    while (starts(action, "ready"))
        pause();
}

int main(int argc, char **argv)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out || argc < 2)
        return 99;
    print_all(out, argv);
    fclose(out);
    out = fopen(argv[1], "w");
    if (!out || fwrite(text, 1, size, out) != size || fclose(out))
        return 98;
    for (int i = 2; i < argc; i++)
        act(argv[i]);
    return 0;
}
