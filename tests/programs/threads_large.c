/* SPDX-License-Identifier: Apache-2.0
 * The same with 4 MiB of text, so that there is something to remap. */
#include "threads.c"

__asm__(".text\n.balign 4096\n.fill 4 << 17, 8, 0x89abcdef\n.previous\n");
