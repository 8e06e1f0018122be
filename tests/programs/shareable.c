/* SPDX-License-Identifier: Apache-2.0
 * A program with 8 MiB of text that has the answer in it, which it prints. `wait` then waits for SIGUSR1
 * and exits with the answer's last byte; `fork` has a child print it too; `exec` starts it again. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

__asm__(".text\n"
        ".balign 4096\n"
        ".fill 4 << 17, 8, 0x0123456789abcdef\n"
        ".globl answer\n"
        "answer: .ascii \"answer=1\\0\"\n"
        ".balign 4096\n"
        ".fill 4 << 17, 8, 0xfedcba9876543210\n");

extern const char answer[];

static volatile sig_atomic_t told;

static void take_note(int signal)
{
    told = signal;
}

static void wait_for_signal(void)
{
    sigset_t none, one;
    sigemptyset(&none);
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    sigprocmask(SIG_BLOCK, &one, NULL);
    signal(SIGUSR1, take_note);
    puts(answer);
    fflush(stdout);
    while (!told)
        sigsuspend(&none);
}

int main(int argc, char **argv)
{
    char mode = argc > 1 ? argv[1][0] : 'p';
    if (mode == 'w') {
        wait_for_signal();
        return answer[7] - '0';
    }
    if (mode == 'f' && fork() > 0)
        wait(NULL);
    if (mode == 'e')
        return execl("/proc/self/exe", argv[0], (char *)0);
    puts(answer);
    return 0;
}
