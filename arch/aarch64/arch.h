/* SPDX-License-Identifier: Apache-2.0
 * AArch64: what core/ needs to know about the CPU. */
#ifndef TIEXEC_ARCH_H
#define TIEXEC_ARCH_H

#include "../interface.h"

#include <asm/ptrace.h>
#include <elf.h>
#include <linux/audit.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#define ARCH_NAME        "aarch64"
#define ARCH_ELF_MACHINE EM_AARCH64
#define ARCH_AUDIT       AUDIT_ARCH_AARCH64 /* as seccomp filters name it */

/* glibc's dynamic linker, and how its list of libraries (ld.so.cache) marks those of this CPU. */
#define ARCH_DYNAMIC_LINKER "/lib/ld-linux-aarch64.so.1"
#define ARCH_LIBRARY_KIND   0x0a03

/* The alignment, in bytes, that linkers give segments so that kernels of all page sizes can map
 * them. */
#define ARCH_SEGMENT_ALIGN 65536

/* The size in bytes of a run of base pages, aligned to that size, that the TLB may hold as one
 * entry: 16 pages of 4 KiB, 128 of 16 KiB or 32 of 64 KiB (Arm ARM, D8.7.1, the Contiguous bit).
 * Linux marks such runs of itself since 6.9. */
#define ARCH_CONTIGUOUS_SIZE(page_size) ((page_size) == 4096 ? 65536 : 2097152)

/* The general registers of one stopped thread (NT_PRSTATUS), and the number of the system call that
 * the thread is in (NT_ARM_SYSTEM_CALL; -1: in none), of which x8 may differ. */
struct arch_regs {
    struct user_pt_regs user;
    int32_t syscall;
};

/* The register set of the kernel that a register belongs to. */
enum arch_regset {
    ARCH_REGSET_GENERAL,
    ARCH_REGSET_FLOAT,
    ARCH_REGSET_TLS,
    ARCH_REGSET_SYSCALL
};

/* One register, by the name that GDB gives it. `size` is in bytes: up to 8 for integers; wider
 * registers are byte strings. `offset` is its place within the register set. */
struct arch_register {
    char name[12]; /* in place: the table takes no relocations at each start of the program */
    char group[8]; /* GDB's: "general", "float", "vector", "system" */
    enum arch_regset regset;
    uint16_t offset;
    uint16_t size;
};
#define ARCH_REGISTER_MAX 16 /* the size of the largest */

/* All registers of this kind of CPU; a CPU may lack some. */
extern const struct arch_register arch_registers[];
extern const size_t arch_register_count;

/* Gives the type of ELF note by which PTRACE_GETREGSET knows a register set, which has fewer bytes
 * than ARCH_REGSET_MAX. */
int arch_regset_note(enum arch_regset regset);
#define ARCH_REGSET_MAX 1024

/* Lists the notes of the register sets that hold a stopped thread's state beyond the general
 * registers, in the order in which they are to be put back. Returns how many there are. With
 * `syscall` it lists only sets of which a system call takes something away: the SVE registers
 * beyond their first 128 bits, and streaming mode. */
#define ARCH_EXTENDED_MAX 5
size_t arch_extended_notes(pid_t tid, bool syscall, int notes[ARCH_EXTENDED_MAX]);

/* The notes of the register sets that a core file has of each thread, beside NT_PRSTATUS; where
 * this CPU and kernel have them: TLS, system call, SVE, masks of pointer authentication, tagged
 * addresses. */
static const int arch_core_notes[] = {NT_PRFPREG, NT_ARM_TLS, NT_ARM_SYSTEM_CALL, NT_ARM_SVE,
                                      NT_ARM_PAC_MASK, 0x409 /* NT_ARM_TAGGED_ADDR_CTRL */};

static inline uint64_t arch_pc(const struct arch_regs *regs) { return regs->user.pc; }
static inline void arch_set_pc(struct arch_regs *regs, uint64_t pc) { regs->user.pc = pc; }

/* Takes off an address the tag that its top byte may hold (Top Byte Ignore). */
static inline uint64_t arch_address(uint64_t address)
{
    return address >> 55 & 1 ? address : address & UINT64_MAX >> 8;
}

/* The general registers in DWARF's order: x0 to x30, and sp. */
#define ARCH_DWARF_REGISTERS 32
static inline void arch_dwarf_registers(const struct arch_regs *regs,
                                        uint64_t values[ARCH_DWARF_REGISTERS])
{
    for (int i = 0; i < 31; i++)
        values[i] = regs->user.regs[i];
    values[31] = regs->user.sp;
}

/* Tells where the caller's address is for a function of which `code`, its first bytes, has been
 * executed: as many bytes above sp; ARCH_IN_FRAME: where the frame pointer leads, once x29 has been
 * set (add x29, sp, #n); or ARCH_IN_LINK_REGISTER: before that. */
#define ARCH_LINK_REGISTER "x30"
static inline int arch_return_place(const uint8_t *code, size_t size)
{
    uint32_t instruction;
    if (size > 4 * sizeof instruction)
        return ARCH_IN_FRAME;
    for (size_t at = 0; at + sizeof instruction <= size; at += sizeof instruction) {
        memcpy(&instruction, code + at, sizeof instruction);
        if ((instruction & 0xffc003ff) == 0x910003fd)
            return ARCH_IN_FRAME;
    }
    return ARCH_IN_LINK_REGISTER;
}

/* The instruction that enters the kernel: `svc #0`. */
static const uint8_t arch_syscall_insn[] = {0x01, 0x00, 0x00, 0xd4};
#define ARCH_INSN_ALIGN 4

/* Changes `regs` to those of a thread that is about to execute system call `number` with the
 * instruction at `insn`. syscall = -1 says that the thread is in no system call: else the kernel
 * might rewind the pc. BTYPE says that the thread has just jumped: with it, on a page guarded by
 * BTI, only a landing pad could be executed. */
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

/* Changes the registers of a thread at the entry of a system call to those of a thread that is
 * about to enter it. */
static inline void arch_syscall_rewind(struct arch_regs *regs)
{
    regs->user.pc -= sizeof arch_syscall_insn;
    regs->user.regs[8] = (unsigned)regs->syscall;
    regs->syscall = -1;
}

/* Calling functions, by the AAPCS64. A function is given integers in general registers and
 * floating-point numbers in vector registers, and finds the address that it returns to in x30:
 * nothing is to be written below `sp`, so that arch_function_prepare gives 0. `sp` is a multiple of
 * 16, and the function leaves it so. x7 cannot be given at the stop of a system call. */
#define ARCH_FUNCTION_INTEGERS 7
#define ARCH_FUNCTION_FLOATS   8
#define ARCH_FLOAT_REGISTER    "v" /* the name, before the number; 0 has the result, too */
static inline uint64_t arch_function_prepare(struct arch_regs *regs, uint64_t address,
                                             uint64_t return_to, uint64_t sp,
                                             const uint64_t integers[ARCH_FUNCTION_INTEGERS])
{
    regs->user.pc = address;
    regs->user.sp = sp;
    regs->user.regs[30] = return_to;
    regs->user.pstate &= ~(uint64_t)PSR_BTYPE_MASK;
    regs->syscall = -1;
    for (int i = 0; i < ARCH_FUNCTION_INTEGERS; i++)
        regs->user.regs[i] = integers[i];
    return 0;
}

static inline uint64_t arch_sp(const struct arch_regs *regs) { return regs->user.sp; }

/* A function has returned to a system call instruction: gives its result at the entry of that call,
 * and has the kernel leave the call out. */
static inline uint64_t arch_function_result(const struct arch_regs *regs)
{
    return regs->user.regs[0];
}
static inline void arch_syscall_skip(struct arch_regs *regs) { regs->syscall = -1; }

/* The number of the system call that a thread is in; negative: it is in none. */
static inline int64_t arch_syscall_number(const struct arch_regs *regs) { return regs->syscall; }

/* What a system call has returned; -errno if it failed. */
static inline int64_t arch_syscall_result(const struct arch_regs *regs)
{
    return (int64_t)regs->user.regs[0];
}

/* Tells whether the thread is on its way out of an interrupted system call that the kernel will
 * make again. For that the kernel keeps the first argument to itself (orig_x0), and every system
 * call overwrites it there. *argument becomes the argument: one more system call with it puts it
 * back. */
bool arch_restart_argument(pid_t tid, const struct arch_regs *regs, uint64_t *argument);

/* System calls that are made again need no help on this CPU: at a stop the pc is back at the
 * instruction already. Of calls that end with EINTR the first argument is gone, so they cannot be
 * made again. Both return 0. */
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

/* What a system call that was interrupted returns to tracers if the kernel keeps in the thread what
 * it needs to go on with it (ERESTART_RESTARTBLOCK): nanosleep, poll and futex with a timeout. */
#define ARCH_RESTART_BLOCK (-516)

/* Another call has replaced what the kernel kept: then nothing can be done on this CPU, where the
 * registers do not tell which call it was. */
static inline void arch_restart_anew(struct arch_regs *regs) { (void)regs; }

/* Tells whether a thread that goes on will make an interrupted system call anew, and if so at which
 * address. */
static inline bool arch_restarts_at(const struct arch_regs *regs, uint64_t *address)
{
    int64_t result = (int64_t)regs->user.regs[0];
    *address = regs->user.pc;
    return regs->syscall >= 0 && result <= -512 && result >= -516;
}

/* Changes the registers of a thread that will make an interrupted system call anew to those of one
 * that is about to make it. `argument`: as arch_restart_argument gives it. */
static inline void arch_restart_rewind(struct arch_regs *regs, uint64_t argument)
{
    arch_syscall_rewind(regs);
    regs->user.regs[0] = argument;
}

/* Sets the first argument of the system call that a thread is at the entry of. False: nothing was
 * changed, since the call has `returned` and the register has its result. */
static inline bool arch_set_first_argument(struct arch_regs *regs, bool returned, uint64_t value)
{
    if (!returned)
        regs->user.regs[0] = value;
    return !returned;
}

/* Debug registers: each slot of a stopped thread watches one instruction, or some bytes of data.
 * Slots [first, first + count) serve one kind; -ENOSPC of arch_debug_set: this CPU has fewer. */
#define ARCH_DEBUG_SLOTS 32
static inline void arch_debug_slots(enum arch_debug_kind kind, unsigned *first, unsigned *count)
{
    *first = kind == ARCH_DEBUG_EXECUTE ? 0 : ARCH_DEBUG_SLOTS / 2;
    *count = ARCH_DEBUG_SLOTS / 2;
}

/* The first piece of a range that lies within 8 bytes aligned to 8. */
static inline unsigned arch_watch_piece(uint64_t address, unsigned size)
{
    unsigned left = 8 - (unsigned)(address % 8); /* any bytes of 8 that are aligned */
    return size < left ? size : left;
}

/* Tells whether a slot can watch for reads alone. */
#define ARCH_WATCHES_READS true

/* Tells whether a thread is stopped before it has executed the instruction that touches what is
 * watched. */
#define ARCH_WATCH_STOPS_BEFORE true

/* Changes the registers of a thread at an instruction so that a slot does not stop it there. False:
 * this CPU has no such flag. */
static inline bool arch_resume_flag(struct arch_regs *regs)
{
    (void)regs;
    return false;
}

/* Tells whether a breakpoint of perf can be lost when a tracer stops the thread. The kernel
 * switches it off while the thread makes the step over it. If a tracer stops and continues the
 * thread meanwhile, it stays off (seen on Linux 6.1, on a host with one CPU in every third
 * dlopen). */
#define ARCH_LOSES_BREAKPOINTS true

/* The software breakpoint instruction (`brk #0`), and how far past it the pc is when it traps. */
static const uint8_t arch_trap_insn[] = {0x00, 0x00, 0x20, 0xd4};
#define ARCH_TRAP_PC_ADVANCE 0

/* The length of the longest instruction. */
#define ARCH_INSN_MAX 4

/* No instruction of this CPU stores the flag of a single step. */
static inline uint64_t arch_step_stored(const struct arch_regs *regs) { return regs->user.sp; }
#define ARCH_STEP_FLAG 0
static inline bool arch_steps_itself(const struct arch_regs *regs)
{
    (void)regs;
    return true;
}

/* Instructions that trap in the same way and that may be found in text which is there already, the
 * likeliest first: GCC puts `brk #1000` where a program must not go on, as in abort() of glibc.
 * Unlike other instructions, `brk` may be jumped to on pages guarded by BTI. */
static const uint8_t arch_found_traps[][4] = {{0x00, 0x7d, 0x20, 0xd4}, {0x00, 0x00, 0x20, 0xd4}};

#endif
