/* SPDX-License-Identifier: Apache-2.0
 * x86-64 registers by their GDB names. */
#include "arch.h"

#include "base/request.h"

#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#define AT(reg)      offsetof(struct user_regs_struct, reg)
#define GENERAL(reg) {#reg, "general", ARCH_REGSET_GENERAL, AT(reg), 8}
#define SEGMENT(reg) {#reg, "general", ARCH_REGSET_GENERAL, AT(reg), 4}
/* The 512-byte FXSAVE area: x87 control words, st0-7 in 16-byte slots, xmm0-15. */
#define X87(reg, at, size) {reg, "float", ARCH_REGSET_FLOAT, at, size}
#define ST(n)              {"st" #n, "float", ARCH_REGSET_FLOAT, 32 + 16 * (n), 10}
#define XMM(n)             {"xmm" #n, "vector", ARCH_REGSET_FLOAT, 160 + 16 * (n), 16}
#define EXTENDED(reg, number, size) {reg, "vector", ARCH_REGSET_EXTENDED, number, size}
#define YMM(n)  EXTENDED("ymm" #n, n, 32)
#define ZMM(n)  EXTENDED("zmm" #n, n, 64)
#define WIDE(n) EXTENDED("xmm" #n, n, 16), YMM(n), ZMM(n)

const struct arch_register arch_registers[] = {
    GENERAL(rax), GENERAL(rbx), GENERAL(rcx), GENERAL(rdx), GENERAL(rsi), GENERAL(rdi),
    GENERAL(rbp), GENERAL(rsp), GENERAL(r8), GENERAL(r9), GENERAL(r10), GENERAL(r11),
    GENERAL(r12), GENERAL(r13), GENERAL(r14), GENERAL(r15), GENERAL(rip),
    {"eflags", "general", ARCH_REGSET_GENERAL, AT(eflags), 4},
    SEGMENT(cs), SEGMENT(ss), SEGMENT(ds), SEGMENT(es), SEGMENT(fs), SEGMENT(gs),
    GENERAL(fs_base), GENERAL(gs_base),
    {"orig_rax", "system", ARCH_REGSET_GENERAL, AT(orig_rax), 8},
    ST(0), ST(1), ST(2), ST(3), ST(4), ST(5), ST(6), ST(7),
    X87("fctrl", 0, 2), X87("fstat", 2, 2), X87("ftag", 4, 2), X87("fiseg", 12, 2),
    X87("fioff", 8, 4), X87("foseg", 20, 2), X87("fooff", 16, 4), X87("fop", 6, 2),
    XMM(0), XMM(1), XMM(2), XMM(3), XMM(4), XMM(5), XMM(6), XMM(7),
    XMM(8), XMM(9), XMM(10), XMM(11), XMM(12), XMM(13), XMM(14), XMM(15),
    {"mxcsr", "vector", ARCH_REGSET_FLOAT, 24, 4},
    YMM(0), YMM(1), YMM(2), YMM(3), YMM(4), YMM(5), YMM(6), YMM(7),
    YMM(8), YMM(9), YMM(10), YMM(11), YMM(12), YMM(13), YMM(14), YMM(15),
    WIDE(16), WIDE(17), WIDE(18), WIDE(19), WIDE(20), WIDE(21), WIDE(22), WIDE(23),
    WIDE(24), WIDE(25), WIDE(26), WIDE(27), WIDE(28), WIDE(29), WIDE(30), WIDE(31),
    ZMM(0), ZMM(1), ZMM(2), ZMM(3), ZMM(4), ZMM(5), ZMM(6), ZMM(7),
    ZMM(8), ZMM(9), ZMM(10), ZMM(11), ZMM(12), ZMM(13), ZMM(14), ZMM(15),
    EXTENDED("k0", 0, 8), EXTENDED("k1", 1, 8), EXTENDED("k2", 2, 8), EXTENDED("k3", 3, 8),
    EXTENDED("k4", 4, 8), EXTENDED("k5", 5, 8), EXTENDED("k6", 6, 8), EXTENDED("k7", 7, 8),
    {"pkru", "system", ARCH_REGSET_EXTENDED, 0, 4},
};
const size_t arch_register_count = sizeof arch_registers / sizeof arch_registers[0];

const char *arch_register_alias(const char *name)
{
    if (strcmp(name, "pc") == 0)
        return "rip";
    if (strcmp(name, "sp") == 0)
        return "rsp";
    if (strcmp(name, "fp") == 0)
        return "rbp";
    return NULL;
}

int arch_regset_note(enum arch_regset regset)
{
    static const int notes[] = {NT_PRSTATUS, NT_PRFPREG, NT_X86_XSTATE};
    return notes[regset];
}

size_t arch_extended_notes(pid_t tid, bool syscall, int notes[ARCH_EXTENDED_MAX])
{
    (void)tid;
    notes[0] = NT_X86_XSTATE;
    return syscall ? 0 : 1;
}

int arch_regs_get(pid_t tid, struct arch_regs *regs)
{
    struct iovec iov = {&regs->user, sizeof regs->user};
    int err = request_regset(PTRACE_GETREGSET, tid, NT_PRSTATUS, &iov);
    if (err)
        return err;
    return iov.iov_len == sizeof regs->user ? 0 : -ENOEXEC;
}

int arch_regs_set(pid_t tid, const struct arch_regs *regs)
{
    struct user_regs_struct copy = regs->user;
    struct iovec iov = {&copy, sizeof copy};
    return request_regset(PTRACE_SETREGSET, tid, NT_PRSTATUS, &iov);
}
