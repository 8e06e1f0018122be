/* SPDX-License-Identifier: Apache-2.0
 * A program of which every indirect jump must lead to a landing pad (AArch64's BTI), with 6 MiB of
 * text. It prints "ready" and waits to be killed. */
#include "arch.h"

__asm__(".pushsection .text.filler, \"ax\", %progbits\n" TRAPS(0x600000) ".popsection\n");

void _start(void);
void _start(void)
{
    static char data[16] = "ready\n";
    static const unsigned long nothing;
    call3(__NR_write, 1, (long)data, 6);
    for (;;)
        call3(__NR_rt_sigsuspend, (long)&nothing, sizeof nothing, 0); /* pause */
}
