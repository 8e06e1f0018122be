/* SPDX-License-Identifier: Apache-2.0
 * A small static program without a C library, to have its headers damaged. Its text of 160 KiB is just
 * worth a huge page. Prints one line and exits with 7. */
#include "arch.h"

__asm__(".pushsection .text.filler, \"ax\", %progbits\n" TRAPS(0x28000) ".popsection\n");

static char line[] = "small\n";
static char zeros[8192];

void _start(void);
void _start(void)
{
    int sum = 0;
    for (unsigned i = 0; i < sizeof zeros; i += 64)
        sum += ((volatile char *)zeros)[i];
    call3(__NR_write, 1, (long)line, 6);
    call3(__NR_exit, 7 + sum, 0, 0);
    for (;;)
        ;
}
