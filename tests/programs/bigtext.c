/* SPDX-License-Identifier: Apache-2.0
 * A program with 64 MiB of text, which does nothing. With an argument it waits to be killed. */
#include <unistd.h>

__asm__(".text\n"
        ".balign 4096\n"
        "filler:\n"
        ".fill 8 << 20, 8, 0x0123456789abcdef\n");

int main(int argc, char **argv)
{
    (void)argv;
    while (argc > 1)
        pause();
    return 0;
}
