/* SPDX-License-Identifier: Apache-2.0
 * AArch64: what core/ needs to know about the CPU. */
#ifndef TIEXEC_ARCH_H
#define TIEXEC_ARCH_H

#include <asm/ptrace.h>
#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ARCH_NAME        "aarch64"
#define ARCH_ELF_MACHINE EM_AARCH64

/* What linkers align segments to, for kernels of all page sizes. */
#define ARCH_SEGMENT_ALIGN 65536

/* A run of base pages, aligned to its size, that the TLB may hold as one entry, in bytes: 16 pages of 4 KiB,
 * 128 of 16 KiB or 32 of 64 KiB (Arm ARM, D8.7.1, the Contiguous bit). Linux marks such runs of itself since 6.9. */
#define ARCH_CONTIGUOUS_SIZE(page_size) ((page_size) == 4096 ? 65536 : 2097152)

/* The general registers of one stopped thread (NT_PRSTATUS), and the number of the system call that it
 * is in (NT_ARM_SYSTEM_CALL), which x8 only suggests; -1: in none. */
struct arch_regs {
    struct user_pt_regs user;
    int32_t syscall;
};

/* Which kernel register set a register lives in. */
enum arch_regset {
    ARCH_REGSET_GENERAL,
    ARCH_REGSET_FLOAT,
    ARCH_REGSET_TLS,
    ARCH_REGSET_SYSCALL
};

/* One register as GDB names it. `size` is 4 or 8 for integers; wider ones are byte strings. */
struct arch_register {
    const char *name;
    const char *group; /* GDB's: "general", "float", "vector", "system" */
    enum arch_regset regset;
    uint16_t offset;
    uint16_t size;
};

extern const struct arch_register arch_registers[];
extern const size_t arch_register_count;

/* Names that mean the same on every CPU: pc, sp, fp. Returns NULL when `name` is not one of them, or is
 * this CPU's own name too. */
const char *arch_register_alias(const char *name);

/* The ELF note type to give PTRACE_GETREGSET for a register set. */
int arch_regset_note(enum arch_regset regset);

/* The register sets that hold the rest of a stopped thread's state, in the order in which they are to be
 * put back; returns how many. With `syscall` only those of which a system call takes something away:
 * the SVE registers beyond their first 128 bits, and streaming mode. */
#define ARCH_EXTENDED_MAX 5
size_t arch_extended_notes(pid_t tid, bool syscall, int notes[ARCH_EXTENDED_MAX]);

/* Read or write the general registers. -ENOEXEC: the thread runs 32-bit code (its register set has
 * another length). Other errors are ptrace(2)'s. At the stops of a system call x7 tells the direction
 * (0 in, 1 out), and what is written to it is lost. */
int arch_regs_get(pid_t tid, struct arch_regs *regs);
int arch_regs_set(pid_t tid, const struct arch_regs *regs);

static inline uint64_t arch_pc(const struct arch_regs *regs) { return regs->user.pc; }
static inline void arch_set_pc(struct arch_regs *regs, uint64_t pc) { regs->user.pc = pc; }

/* An address without the tag that its top byte may hold (Top Byte Ignore). */
static inline uint64_t arch_address(uint64_t address)
{
    return address >> 55 & 1 ? address : address & UINT64_MAX >> 8;
}

/* The instruction that enters the kernel: `svc #0`. */
static const uint8_t arch_syscall_insn[] = {0x01, 0x00, 0x00, 0xd4};
#define ARCH_INSN_ALIGN 4

/* Make `regs` those of a thread about to execute system call `number` at `insn`. Without "not in a
 * system call" the kernel might rewind the pc. BTYPE says that the thread has just jumped: on a page
 * guarded by BTI only a landing pad could be run then. */
static inline void arch_syscall_prepare(struct arch_regs *regs, uint64_t insn, long number,
                                        const uint64_t args[6])
{
    regs->user.pc = insn;
    regs->user.pstate &= ~(uint64_t)PSR_BTYPE_MASK;
    regs->user.regs[8] = (uint64_t)number;
    regs->syscall = -1;
    for (int i = 0; i < 6; i++)
        regs->user.regs[i] = args[i];
}

/* Make `regs`, of a thread at the entry of a system call, those of one about to enter it. */
static inline void arch_syscall_rewind(struct arch_regs *regs)
{
    regs->user.pc -= sizeof arch_syscall_insn;
    regs->user.regs[8] = (unsigned)regs->syscall;
    regs->syscall = -1;
}

static inline int64_t arch_syscall_result(const struct arch_regs *regs)
{
    return (int64_t)regs->user.regs[0];
}

/* Whether the thread is on its way out of an interrupted system call, whose first argument the kernel
 * keeps to itself (orig_x0) for the call to be made again. Every system call overwrites it; one more
 * with *argument puts it back. */
bool arch_restart_argument(pid_t tid, const struct arch_regs *regs, uint64_t *argument);

/* Calls that are made again need no help here: at a stop the pc is back at the instruction already. For those
 * that end with EINTR the first argument is gone, so they cannot be made again. */
static inline int arch_will_restart(const struct arch_regs *regs)
{
    (void)regs;
    return 0;
}
static inline int arch_restart_interrupted(struct arch_regs *regs)
{
    (void)regs;
    return 0;
}

/* Sets the first argument of the system call that a thread is about to make. False, when it has `returned`: the
 * register then has the result. */
static inline bool arch_set_first_argument(struct arch_regs *regs, bool returned, uint64_t value)
{
    if (!returned)
        regs->user.regs[0] = value;
    return !returned;
}

/* Breakpoints. A hardware slot watches one instruction address in one thread; -ENOSPC: this CPU has
 * fewer slots. A thread that goes on from one hits it again (x86 has a flag against that). */
#define ARCH_HARDWARE_BREAKPOINTS        16
#define ARCH_HARDWARE_BREAKPOINT_REPEATS true
int arch_breakpoint_set(pid_t tid, unsigned slot, uint64_t address);
int arch_breakpoint_clear(pid_t tid, unsigned slot);

/* A breakpoint of perf is switched off while its thread makes the step over it; if a tracer stops and continues the
 * thread in the midst of that, it stays off (seen on Linux 6.1, with one CPU in every third dlopen). */
#define ARCH_LOSES_BREAKPOINTS true

/* The software breakpoint instruction (`brk #0`), and how far past it the pc is when it traps. */
static const uint8_t arch_trap_insn[] = {0x00, 0x00, 0x20, 0xd4};
#define ARCH_TRAP_PC_ADVANCE 0

/* Instructions that trap as that one does, and that linkers' own text has: `brk #1000`, which is how
 * GCC, and so abort() of glibc, ends what must not go on. Unlike other instructions `brk` may be jumped
 * to on pages guarded by BTI. */
static const uint8_t arch_found_traps[][4] = {{0x00, 0x7d, 0x20, 0xd4}, {0x00, 0x00, 0x20, 0xd4}};

/* Whether memory may have protections that are this CPU's alone; and those bits for mmap and mprotect
 * by VmFlags of smaps (PROT_BTI), or -1: one that a copy would not have (memory tags). */
bool arch_has_protections(void);
int arch_protections(const char *vm_flags);

#endif
