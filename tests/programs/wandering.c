/* SPDX-License-Identifier: Apache-2.0
 * wandering: calls 1,500 functions, each on a page of its own, time and again. There are 2,000 of them: 8 MiB of text, of
 * whose first huge pages none takes in anything else. */
#include <stdint.h>

enum { PLACES = 1500, APART = 4096, ROUNDS = 20 };

__asm__(".text\n.balign 4096\nplaces:\n.rept 2000\nret\n.balign 4096\n.endr\n");
extern char places[];

int main(void)
{
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < PLACES; i++)
            ((void (*)(void))(uintptr_t)(places + i * APART))();
    return 0;
}
