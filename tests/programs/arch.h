/* SPDX-License-Identifier: Apache-2.0
 * What the test programs need to know about the CPU. */
#ifndef TESTS_ARCH_H
#define TESTS_ARCH_H

#include <asm/unistd.h>

#if defined __x86_64__

/* `size` bytes of text that traps where it is run. */
#define TRAPS(size) ".fill " #size ", 1, 0xcc\n"

/* _start: puts all registers on the stack and calls print with their address. */
#define START_WITH_REGISTERS \
    ".globl _start\n_start:\n" \
    "push %rsp\npush %r15\npush %r14\npush %r13\npush %r12\npush %r11\npush %r10\npush %r9\n" \
    "push %r8\npush %rbp\npush %rdi\npush %rsi\npush %rdx\npush %rcx\npush %rbx\npush %rax\npushf\n" \
    "mov %rsp, %rdi\nandq $-16, %rsp\ncall print\n"
#define REGISTER_NAMES \
    "flag", "rax ", "rbx ", "rcx ", "rdx ", "rsi ", "rdi ", "rbp ", "r8  ", "r9  ", "r10 ", "r11 ", \
    "r12 ", "r13 ", "r14 ", "r15 ", "rsp "

#elif defined __aarch64__

#define TRAPS(size) ".fill " #size " / 4, 4, 0xd4200000\n"

#define START_WITH_REGISTERS \
    ".globl _start\n_start:\n" \
    "sub sp, sp, #272\n" \
    "stp x0, x1, [sp, #0]\nstp x2, x3, [sp, #16]\nstp x4, x5, [sp, #32]\nstp x6, x7, [sp, #48]\n" \
    "stp x8, x9, [sp, #64]\nstp x10, x11, [sp, #80]\nstp x12, x13, [sp, #96]\nstp x14, x15, [sp, #112]\n" \
    "stp x16, x17, [sp, #128]\nstp x18, x19, [sp, #144]\nstp x20, x21, [sp, #160]\n" \
    "stp x22, x23, [sp, #176]\nstp x24, x25, [sp, #192]\nstp x26, x27, [sp, #208]\n" \
    "stp x28, x29, [sp, #224]\nadd x0, sp, #272\nstp x30, x0, [sp, #240]\nmrs x0, nzcv\nstr x0, [sp, #256]\n" \
    "mov x0, sp\nbl print\n"
#define REGISTER_NAMES \
    "x0  ", "x1  ", "x2  ", "x3  ", "x4  ", "x5  ", "x6  ", "x7  ", "x8  ", "x9  ", "x10 ", "x11 ", \
    "x12 ", "x13 ", "x14 ", "x15 ", "x16 ", "x17 ", "x18 ", "x19 ", "x20 ", "x21 ", "x22 ", "x23 ", \
    "x24 ", "x25 ", "x26 ", "x27 ", "x28 ", "x29 ", "x30 ", "sp  ", "nzcv"

#endif

/* A system call without a C library. */
static inline long call3(long number, long a, long b, long c)
{
#if defined __x86_64__
    __asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return number;
#elif defined __aarch64__
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
#endif
}

/* The rounding mode, traps and the like of floating-point arithmetic. */
static inline unsigned long float_mode(void)
{
#if defined __x86_64__
    return __builtin_ia32_stmxcsr() & 0xffc0u;
#elif defined __aarch64__
    unsigned long mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
#else
    return 0;
#endif
}

#endif
