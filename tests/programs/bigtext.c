/* SPDX-License-Identifier: Apache-2.0
 * A program with 100 MiB of text, which does nothing. With an argument it reads a byte of each page of that
 * text, says so by a line, and waits to be killed. */
#include <stdio.h>
#include <unistd.h>

__asm__(".text\n"
        ".balign 4096\n"
        ".globl filler, filler_end\n" // local ones would share one entry of AArch64's GOT
        "filler:\n"
        ".fill 100 << 17, 8, 0x0123456789abcdef\n"
        "filler_end:\n");

extern const volatile char filler[], filler_end[];

int main(int argc, char **argv)
{
    int sum = 0;
    (void)argv;
    for (const volatile char *at = filler; argc > 1 && at < filler_end; at += 4096)
        sum += *at;
    if (argc > 1)
        printf("%d\n", sum);
    fflush(stdout);
    while (argc > 1)
        pause();
    return 0;
}
