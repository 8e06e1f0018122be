/* SPDX-License-Identifier: Apache-2.0
 * armed PID: looks at the debug registers of each thread of a process, by ptrace, and lets it go. Prints
 * "TID" for each thread that has one armed, and then "PID THREADS", how many were looked at. */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __x86_64__
static int is_armed(pid_t tid)
{
    errno = 0;
    long control = ptrace(PTRACE_PEEKUSER, tid, (void *)offsetof(struct user, u_debugreg[7]), NULL);
    return errno || control & 0xff;
}
#else
#include <asm/ptrace.h>

static int has_set(pid_t tid, unsigned long set)
{
    struct user_hwdebug_state state = {0};
    struct iovec io = {&state, sizeof state};
    if (ptrace(PTRACE_GETREGSET, tid, (void *)set, &io))
        return 1;
    for (size_t i = 0; i < (state.dbg_info & 0xff); i++)
        if (state.dbg_regs[i].ctrl & 1)
            return 1;
    return 0;
}

static int is_armed(pid_t tid) { return has_set(tid, NT_ARM_HW_BREAK) || has_set(tid, NT_ARM_HW_WATCH); }
#endif

/* Stops a thread, and waits for that: 5 seconds at most, in which it is asked again and again, since an exec may come
 * between. Returns 0 if it is gone, or does not stop. */
static int stop(pid_t tid, int *status)
{
    for (int i = 0; i < 5000; i++) {
        if (i % 10 == 0)
            ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
        pid_t found = waitpid(tid, status, __WALL | WNOHANG);
        if (found)
            return found == tid && WIFSTOPPED(*status);
        usleep(1000);
    }
    return 0;
}

/* Returns 1 if the thread was looked at, 0 if it is gone. */
static int look(pid_t tid)
{
    int status;
    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) || !stop(tid, &status))
        return 0;
    if (is_armed(tid))
        printf("%d\n", (int)tid);
    /* A signal that it was about to get is not lost. */
    long signal = status >> 16 ? 0 : WSTOPSIG(status);
    ptrace(PTRACE_DETACH, tid, NULL, (void *)signal);
    return 1;
}

int main(int argc, char **argv)
{
    char path[64];
    const struct dirent *entry;
    int count = 0;
    DIR *tasks;
    snprintf(path, sizeof path, "/proc/%s/task", argc > 1 ? argv[1] : "self");
    tasks = opendir(path);
    while (tasks && (entry = readdir(tasks)))
        if (atoi(entry->d_name))
            count += look(atoi(entry->d_name));
    printf("%s %d\n", argv[argc - 1], count);
    return 0;
}
