/* SPDX-License-Identifier: Apache-2.0
 * deny SYSCALL [ARGUMENT BITS] ACTION CMD...: runs CMD under a seccomp filter that stops one system call.
 *
 * With ARGUMENT (0 to 5) and BITS only where that argument has any of these bits. ACTION is kill, trap, or
 * the error to return: EPERM, EACCES, ENOSYS, ENOMEM, EINVAL. "deny mdwe CMD..." sets PR_SET_MDWE in place
 * of a filter: no memory that was writable becomes executable (Linux 6.3). */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

#define NAMED(name) {#name, SYS_##name}
static const struct {
    const char *name;
    long number;
} calls[] = {NAMED(mmap), NAMED(mremap), NAMED(mprotect), NAMED(madvise), NAMED(munmap), NAMED(ptrace),
             NAMED(socketpair), NAMED(process_vm_readv), NAMED(process_vm_writev), NAMED(setsid),
             NAMED(close_range), NAMED(pwrite64), NAMED(pread64), NAMED(rt_sigaction), NAMED(clone),
             NAMED(prctl), NAMED(pipe2), NAMED(wait4), NAMED(getdents64), NAMED(perf_event_open),
             NAMED(pidfd_open), NAMED(unshare)};

#define ERROR(name) {#name, SECCOMP_RET_ERRNO | (name)}
static const struct {
    const char *name;
    unsigned value;
} actions[] = {{"kill", SECCOMP_RET_KILL_PROCESS}, {"trap", SECCOMP_RET_TRAP}, ERROR(EPERM),
               ERROR(EACCES), ERROR(ENOSYS), ERROR(ENOMEM), ERROR(EINVAL)};

static void die(const char *what)
{
    fprintf(stderr, "deny: %s\n", what);
    exit(99);
}

static long find_call(const char *name)
{
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (strcmp(calls[i].name, name) == 0)
            return calls[i].number;
    die("unknown system call");
    return -1;
}

static unsigned find_action(const char *name)
{
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(actions[i].name, name) == 0)
            return actions[i].value;
    die("unknown action");
    return 0;
}

/* Jumps count the instructions passed over. Without `bits` the argument is not looked at. */
static void install(long number, unsigned argument, unsigned bits, unsigned action)
{
    unsigned at = (unsigned)offsetof(struct seccomp_data, args) + argument * 8;
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, bits ? 1 : 0),
        BPF_STMT(BPF_RET | BPF_K, action),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        die(strerror(errno));
}

int main(int argc, char **argv)
{
    unsigned argument = 0, bits = 0;
    if (argc < 3)
        die("usage: deny SYSCALL [ARGUMENT BITS] ACTION CMD... | deny mdwe CMD...");
    const char *name = *++argv;
    if (strcmp(name, "mdwe") == 0) {
        if (prctl(PR_SET_MDWE, 1, 0, 0, 0))
            die(strerror(errno));
    } else {
        if (argc > 5 && argv[1][0] >= '0' && argv[1][0] <= '5') {
            argument = (unsigned)atoi(*++argv);
            bits = (unsigned)strtoul(*++argv, NULL, 0);
        }
        install(find_call(name), argument, bits, find_action(*++argv));
    }
    if (!*++argv)
        die("a command is missing");
    execvp(*argv, argv);
    die(strerror(errno));
}
