/* SPDX-License-Identifier: Apache-2.0
 * A static program whose text begins at a huge page and ends with the file, as tests/programs/ends.ld
 * lays it out: nothing is in the way above, but the last huge page is not all the file's. It counts in its
 * data, prints "ready" and waits to be killed. REST: KiB of text in the last huge page. */
#include "arch.h"

#ifndef REST
#define REST 320
#endif

__attribute__((section(".filler"), used, aligned(4096))) static const char filler[(2048 + REST) << 10] = {1};

static volatile int count = 1;

/* In the text's last page. */
__attribute__((section(".filler.last"), noinline)) void work(void);
void work(void)
{
    static char data[16] = "ready\n";
    count++;
    call3(__NR_write, 1, (long)data, 6);
}

void _start(void);
void _start(void)
{
    static const unsigned long none = 0;

    work();
    for (;;)
        call3(__NR_rt_sigsuspend, (long)&none, sizeof none, 0);
}
