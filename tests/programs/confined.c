/* SPDX-License-Identifier: Apache-2.0
 * A program with 6 MiB of text that lets seccomp confine it once SIGUSR1 comes: "strict" by the strict mode,
 * "filter" by a filter that kills it for mmap, mremap, mprotect, madvise and openat. Before and after that it
 * says so by a line. It waits to be killed. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

__asm__(".text\n.fill 6 << 17, 8, 0x0123456789abcdef\n");

#define KILLS(call, left) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, left, 0)

static int confine(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        KILLS(mmap, 5), KILLS(mremap, 4), KILLS(mprotect, 3), KILLS(madvise, 2), KILLS(openat, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void say(const char *line)
{
    if (write(1, line, strlen(line)) < 0)
        _exit(2);
}

int main(int argc, char **argv)
{
    sigset_t set;
    int received, ends[2];
    if (pipe(ends) < 0)
        return 4;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    say("free\n");
    sigwait(&set, &received);
    if (argc > 1 && strcmp(argv[1], "strict") == 0 ? prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) : confine())
        return 3;
    say("confined\n");
    for (char byte; read(ends[0], &byte, 1) != 0;) /* nobody writes to it */
        continue;
    return 0;
}
