/* SPDX-License-Identifier: Apache-2.0
 * The original prototype's case: a static program whose text is exactly 0x5ff000-0xc10000, as
 * tests/programs/shape.ld lays it out. It prints "ready" and waits to be killed. */
__attribute__((section(".filler"), used)) static const char filler[0x610000] = {1};

static long call3(long number, long a, long b, long c)
{
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
}

void _start(void);
void _start(void)
{
    static char data[16] = "ready\n";
    call3(1, 1, (long)data, 6); /* write */
    for (;;)
        call3(34, 0, 0, 0); /* pause */
}
