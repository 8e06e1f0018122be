/* SPDX-License-Identifier: Apache-2.0
 * What is debugged over several kinds of stubs, on any CPU: without a C library and its headers. Calls `touch` with 1 to
 * 4, sends itself SIGUSR1, and ends with 5 if `counter` is 10 then, else with 6. If somebody has set `spins` it calls
 * `touch` for ever. */
#define KEEP __attribute__((noinline, noclone, used))

#if defined __x86_64__
enum { GETPID = 39, KILL = 62, EXIT_GROUP = 231 };
#else
enum { GETPID = 172, KILL = 129, EXIT_GROUP = 94 };
#endif
enum { USR1 = 10 };

volatile int counter, spins;

static long call(long number, long a, long b)
{
#if defined __x86_64__
    __asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b) : "rcx", "r11", "memory");
    return number;
#else
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1) : "memory");
    return x0;
#endif
}

KEEP void touch(int i) { counter += i; }

void _start(void);
void _start(void)
{
    do
        for (int i = 1; i <= 4; i++)
            touch(i);
    while (spins);
    call(KILL, call(GETPID, 0, 0), USR1);
    for (;;)
        call(EXIT_GROUP, counter == 10 ? 5 : 6, 0);
}
