/* SPDX-License-Identifier: Apache-2.0
 * x86-64: what core/front needs, which runs before the C library: system calls, and the way from
 * the kernel to the C library's own start. */
#ifndef TIEXEC_ARCH_START_H
#define TIEXEC_ARCH_START_H

/* Makes a system call. Returns its result, or -errno. */
static inline long arch_call(long number, const long arguments[6])
{
    register long fourth __asm__("r10");
    register long fifth __asm__("r8");
    register long sixth __asm__("r9");
    long result;
    fourth = arguments[3];
    fifth = arguments[4];
    sixth = arguments[5];
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(arguments[0]), "S"(arguments[1]), "d"(arguments[2]),
                       "r"(fourth), "r"(fifth), "r"(sixth)
                     : "rcx", "r11", "memory");
    return result;
}

/* Defines an entry point by the name `entry` that calls `function` with the address of what the
 * kernel has put on the stack (argc, argv, the environment, the auxiliary vector), and goes on at
 * the C library's with registers as the kernel has them. */
#define ARCH_START(entry, function)                                                               \
    __asm__(".text\n.globl " entry "\n.type " entry ", @function\n" entry ":\n"                   \
            "endbr64\n xorl %ebp, %ebp\n movq %rsp, %rbx\n movq %rsp, %rdi\n andq $-16, %rsp\n"   \
            "call " function "\n movq %rbx, %rsp\n xorl %edx, %edx\n jmp _start\n"                \
            ".size " entry ", . - " entry "\n")

#endif
