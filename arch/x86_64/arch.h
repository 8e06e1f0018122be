/* SPDX-License-Identifier: Apache-2.0
 * x86-64: what core/ needs to know about the CPU. */
#ifndef TIEXEC_ARCH_H
#define TIEXEC_ARCH_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#define ARCH_NAME        "x86-64"
#define ARCH_ELF_MACHINE EM_X86_64

/* What linkers align segments to, for kernels of all page sizes. */
#define ARCH_SEGMENT_ALIGN 4096

/* A run of base pages that the TLB may hold as one entry: none that a program could count on. */
#define ARCH_CONTIGUOUS_SIZE(page_size) ((void)(page_size), 0)

/* The general registers of one stopped thread (NT_PRSTATUS). */
struct arch_regs {
    struct user_regs_struct user;
};

/* Which kernel register set a register lives in. */
enum arch_regset { ARCH_REGSET_GENERAL, ARCH_REGSET_FLOAT };

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

/* Names that mean the same on every CPU: pc, sp, fp. Returns NULL when `name` is not one of them. */
const char *arch_register_alias(const char *name);

/* The ELF note type to give PTRACE_GETREGSET for a register set. */
int arch_regset_note(enum arch_regset regset);

/* The register sets that hold the rest of a stopped thread's state, in the order in which they are to be
 * put back; returns how many. With `syscall` only those of which a system call takes something away:
 * none on this CPU. */
#define ARCH_EXTENDED_MAX 1
size_t arch_extended_notes(pid_t tid, bool syscall, int notes[ARCH_EXTENDED_MAX]);

/* Read or write the general registers. -ENOEXEC: the thread runs 32-bit code (its register set has
 * another length). Other errors are ptrace(2)'s. */
int arch_regs_get(pid_t tid, struct arch_regs *regs);
int arch_regs_set(pid_t tid, const struct arch_regs *regs);

static inline uint64_t arch_pc(const struct arch_regs *regs) { return regs->user.rip; }
static inline void arch_set_pc(struct arch_regs *regs, uint64_t pc) { regs->user.rip = pc; }

/* An address without what is no part of it. */
static inline uint64_t arch_address(uint64_t address) { return address; }

/* The instruction that enters the kernel: `syscall`. */
static const uint8_t arch_syscall_insn[] = {0x0f, 0x05};
#define ARCH_INSN_ALIGN 1

/* Make `regs` those of a thread about to execute system call `number` at `insn`. orig_rax = -1 says
 * "not in a system call": the kernel would otherwise rewind the pc of an interrupted call. */
static inline void arch_syscall_prepare(struct arch_regs *regs, uint64_t insn, long number,
                                        const uint64_t args[6])
{
    regs->user.rip = insn;
    regs->user.rax = (uint64_t)number;
    regs->user.orig_rax = UINT64_MAX;
    regs->user.rdi = args[0];
    regs->user.rsi = args[1];
    regs->user.rdx = args[2];
    regs->user.r10 = args[3];
    regs->user.r8 = args[4];
    regs->user.r9 = args[5];
}

/* Make `regs`, of a thread at the entry of a system call, those of one about to enter it. */
static inline void arch_syscall_rewind(struct arch_regs *regs)
{
    regs->user.rip -= sizeof arch_syscall_insn;
    regs->user.rax = regs->user.orig_rax;
    regs->user.orig_rax = UINT64_MAX;
}

static inline int64_t arch_syscall_result(const struct arch_regs *regs)
{
    return (int64_t)regs->user.rax;
}

/* Whether a thread's system call was interrupted so that the kernel will start it anew, by rewinding the
 * pc (-ERESTARTSYS and its like; -517 never reaches the registers). */
static inline int arch_will_restart(const struct arch_regs *regs)
{
    int64_t result = (int64_t)regs->user.rax;
    return (int64_t)regs->user.orig_rax >= 0 && result <= -512 && result >= -516;
}

/* Of a thread that was stopped in a system call by nothing but the tracer: if the call ended with EINTR
 * for it, and may be made again, the kernel is made to do so, unless a signal's handler is to run
 * first. A timeout given with the call begins anew. 1: the registers have been changed. */
int arch_restart_interrupted(struct arch_regs *regs);

/* Whether registers other than `regs` are needed for an interrupted system call to be made again. */
static inline bool arch_restart_argument(pid_t tid, const struct arch_regs *regs, uint64_t *argument)
{
    (void)tid, (void)regs, (void)argument;
    return false;
}

/* Sets the first argument of the system call that a thread is about to make, or `returned` from: user space
 * expects to find it in its register. False: nothing is to be changed. */
static inline bool arch_set_first_argument(struct arch_regs *regs, bool returned, uint64_t value)
{
    (void)returned;
    regs->user.rdi = value;
    return true;
}

/* Breakpoints. A hardware slot watches one instruction address in one thread. A thread that goes on
 * from one does not hit it again (RF in eflags). */
#define ARCH_HARDWARE_BREAKPOINTS        4
#define ARCH_HARDWARE_BREAKPOINT_REPEATS false
int arch_breakpoint_set(pid_t tid, unsigned slot, uint64_t address);
int arch_breakpoint_clear(pid_t tid, unsigned slot);

/* Whether a breakpoint of perf can be lost when a tracer stops the thread: it cannot. */
#define ARCH_LOSES_BREAKPOINTS false

/* The software breakpoint instruction (int3), and how far past it the pc is when it traps. */
static const uint8_t arch_trap_insn[] = {0xcc};
#define ARCH_TRAP_PC_ADVANCE 1

/* Instructions that trap as that one does, and that linkers' own text has: as a byte in the midst of
 * another instruction, or after the end of a function. */
static const uint8_t arch_found_traps[][1] = {{0xcc}};

/* Whether memory may have protections that are this CPU's alone; and those bits for mmap and mprotect
 * by VmFlags of smaps, or -1: one that a copy would not have. */
bool arch_has_protections(void);
int arch_protections(const char *vm_flags);

#endif
