/* SPDX-License-Identifier: Apache-2.0
 * The original prototype's case: a static program whose text is exactly 0x5ff000-0xc10000, as
 * tests/programs/shape.ld lays it out. It prints "ready" and waits to be killed. */
#include "arch.h"

__attribute__((section(".filler"), used)) static const char filler[0x610000] = {1};

void _start(void);
void _start(void)
{
    static char data[16] = "ready\n";
    static const unsigned long nothing;
    call3(__NR_write, 1, (long)data, 6);
    for (;;)
        call3(__NR_rt_sigsuspend, (long)&nothing, sizeof nothing, 0); /* pause */
}
