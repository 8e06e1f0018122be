/* SPDX-License-Identifier: Apache-2.0
 * A small static program without a C library, to have its headers damaged. Its text of 160 KiB is just
 * worth a huge page. Prints one line and exits with 7. */
__asm__(".pushsection .text.filler, \"ax\", %progbits\n .fill 0x28000, 1, 0xcc\n .popsection\n");

#if defined __x86_64__
static long call3(long number, long a, long b, long c)
{
    __asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return number;
}
enum { WRITE = 1, EXIT = 60 };
#elif defined __i386__
static long call3(long number, long a, long b, long c)
{
    __asm__ volatile("int $0x80" : "+a"(number) : "b"(a), "c"(b), "d"(c) : "memory");
    return number;
}
enum { WRITE = 4, EXIT = 1 };
#elif defined __aarch64__
static long call3(long number, long a, long b, long c)
{
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
}
enum { WRITE = 64, EXIT = 93 };
#endif

static char line[] = "small\n";
static char zeros[8192];

void _start(void);
void _start(void)
{
    int sum = 0;
    for (unsigned i = 0; i < sizeof zeros; i += 64)
        sum += ((volatile char *)zeros)[i];
    call3(WRITE, 1, (long)line, 6);
    call3(EXIT, 7 + sum, 0, 0);
    for (;;)
        ;
}
