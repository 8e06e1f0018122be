/* SPDX-License-Identifier: Apache-2.0
 * AArch64: what core/front needs, which runs before the C library: system calls, and the way from
 * the kernel to the C library's own start. */
#ifndef TIEXEC_ARCH_START_H
#define TIEXEC_ARCH_START_H

/* Makes a system call. Returns its result, or -errno. */
static inline long arch_call(long number, const long arguments[6])
{
    register long x8 __asm__("x8");
    register long x0 __asm__("x0");
    register long x1 __asm__("x1");
    register long x2 __asm__("x2");
    register long x3 __asm__("x3");
    register long x4 __asm__("x4");
    register long x5 __asm__("x5");
    x8 = number;
    x0 = arguments[0];
    x1 = arguments[1];
    x2 = arguments[2];
    x3 = arguments[3];
    x4 = arguments[4];
    x5 = arguments[5];
    __asm__ volatile("svc #0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
}

/* Defines an entry point by the name `entry` that calls `function` with the address of what the
 * kernel has put on the stack (argc, argv, the environment, the auxiliary vector), and goes on at
 * the C library's with registers as the kernel has them. */
#define ARCH_START(entry, function)                                                               \
    __asm__(".text\n.globl " entry "\n.type " entry ", %function\n" entry ":\n"                   \
            "hint #34\n mov x29, #0\n mov x30, #0\n mov x19, sp\n mov x0, sp\n"                   \
            "bl " function "\n mov sp, x19\n mov x0, #0\n mov x29, #0\n mov x30, #0\n b _start\n" \
            ".size " entry ", . - " entry "\n")

#endif
