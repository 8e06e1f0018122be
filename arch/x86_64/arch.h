/* SPDX-License-Identifier: Apache-2.0
 * x86-64: what core/ needs to know about the CPU. */
#ifndef TIEXEC_ARCH_H
#define TIEXEC_ARCH_H

#include "../interface.h"

#include <elf.h>
#include <linux/audit.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <sys/user.h>

#define ARCH_NAME        "x86-64"
#define ARCH_ELF_MACHINE EM_X86_64
#define ARCH_AUDIT       AUDIT_ARCH_X86_64 /* as seccomp filters name it */

/* glibc's dynamic linker, and how its list of libraries (ld.so.cache) marks those of this CPU. */
#define ARCH_DYNAMIC_LINKER "/lib64/ld-linux-x86-64.so.2"
#define ARCH_LIBRARY_KIND   0x0303

/* The alignment, in bytes, that linkers give segments so that kernels of all page sizes can map
 * them. */
#define ARCH_SEGMENT_ALIGN 4096

/* The size in bytes of a run of base pages that the TLB may hold as one entry; 0: this CPU has none
 * that a program could count on. */
#define ARCH_CONTIGUOUS_SIZE(page_size) ((void)(page_size), 0)

/* The general registers of one stopped thread (NT_PRSTATUS). */
struct arch_regs {
    struct user_regs_struct user;
};

/* The register set of the kernel that a register belongs to. */
enum arch_regset { ARCH_REGSET_GENERAL, ARCH_REGSET_FLOAT, ARCH_REGSET_EXTENDED };

/* One register, by the name that GDB gives it. `size` is in bytes: up to 8 for integers; wider
 * registers are byte strings. `offset` is its place within the register set; of the set EXTENDED it
 * is the register's number, since the parts of such a register lie apart. */
struct arch_register {
    char name[12]; /* in place: the table takes no relocations at each start of the program */
    char group[8]; /* GDB's: "general", "float", "vector", "system" */
    enum arch_regset regset;
    uint16_t offset;
    uint16_t size;
};
#define ARCH_REGISTER_MAX 64 /* the size of the largest */

/* All registers of this kind of CPU; a CPU may lack some. */
extern const struct arch_register arch_registers[];
extern const size_t arch_register_count;

/* Gives the type of ELF note by which PTRACE_GETREGSET knows a register set, which has fewer bytes
 * than ARCH_REGSET_MAX. */
int arch_regset_note(enum arch_regset regset);
#define ARCH_REGSET_MAX 12288

/* Lists the notes of the register sets that hold a stopped thread's state beyond the general
 * registers, in the order in which they are to be put back. Returns how many there are. With
 * `syscall` it lists only sets of which a system call takes something away: on this CPU none. */
#define ARCH_EXTENDED_MAX 1
size_t arch_extended_notes(pid_t tid, bool syscall, int notes[ARCH_EXTENDED_MAX]);

/* The notes of the register sets that a core file has of each thread, beside NT_PRSTATUS. */
static const int arch_core_notes[] = {NT_PRFPREG, NT_X86_XSTATE};

static inline uint64_t arch_pc(const struct arch_regs *regs) { return regs->user.rip; }
static inline void arch_set_pc(struct arch_regs *regs, uint64_t pc) { regs->user.rip = pc; }

/* Takes off an address what is no part of it: on this CPU nothing. */
static inline uint64_t arch_address(uint64_t address) { return address; }

/* The general registers in DWARF's order, of which the last is the pc (System V ABI, 3.6.2). */
#define ARCH_DWARF_REGISTERS 17
static inline void arch_dwarf_registers(const struct arch_regs *regs,
                                        uint64_t values[ARCH_DWARF_REGISTERS])
{
    const struct user_regs_struct *u = &regs->user;
    const uint64_t list[] = {u->rax, u->rdx, u->rcx, u->rbx, u->rsi, u->rdi, u->rbp, u->rsp, u->r8,
                             u->r9,  u->r10, u->r11, u->r12, u->r13, u->r14, u->r15, u->rip};
    for (int i = 0; i < ARCH_DWARF_REGISTERS; i++)
        values[i] = list[i];
}

/* Tells where the caller's address is for a function of which `code`, its first bytes, has been
 * executed: as many bytes above sp; ARCH_IN_FRAME: where the frame pointer leads; or
 * ARCH_IN_LINK_REGISTER, which this CPU does not have. endbr64 may come first, then push %rbp. */
#define ARCH_LINK_REGISTER ""
static inline int arch_return_place(const uint8_t *code, size_t size)
{
    static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
    if (size >= sizeof endbr64 && memcmp(code, endbr64, sizeof endbr64) == 0) {
        code += sizeof endbr64;
        size -= sizeof endbr64;
    }
    return size == 0 ? 0 : size == 1 && *code == 0x55 ? 8 : ARCH_IN_FRAME;
}

/* The instruction that enters the kernel: `syscall`. */
static const uint8_t arch_syscall_insn[] = {0x0f, 0x05};
#define ARCH_INSN_ALIGN 1

/* Changes `regs` to those of a thread that is about to execute system call `number` with the
 * instruction at `insn`. orig_rax = -1 says that the thread is in no system call: else the kernel
 * would rewind the pc of an interrupted call. */
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

/* Changes the registers of a thread at the entry of a system call to those of a thread that is
 * about to enter it. */
static inline void arch_syscall_rewind(struct arch_regs *regs)
{
    regs->user.rip -= sizeof arch_syscall_insn;
    regs->user.rax = regs->user.orig_rax;
    regs->user.orig_rax = UINT64_MAX;
}

/* Calling functions, by the System V ABI. A function is given integers in general registers and
 * floating-point numbers in vector registers, and finds the address that it returns to on the
 * stack; arch_function_prepare gives how many bytes below `sp` that is to be written. `sp` is a
 * multiple of 16, and the function leaves it so. The direction flag is clear, and `al` has the
 * number of floating-point arguments. */
#define ARCH_FUNCTION_INTEGERS 6
#define ARCH_FUNCTION_FLOATS   8
#define ARCH_FLOAT_REGISTER    "xmm" /* the name, before the number; 0 has the result, too */
static inline uint64_t arch_function_prepare(struct arch_regs *regs, uint64_t address,
                                             uint64_t return_to, uint64_t sp,
                                             const uint64_t integers[ARCH_FUNCTION_INTEGERS])
{
    (void)return_to; /* it is on the stack */
    regs->user.rip = address;
    regs->user.rsp = sp - sizeof return_to;
    regs->user.rax = ARCH_FUNCTION_FLOATS;
    regs->user.orig_rax = UINT64_MAX;
    regs->user.eflags &= ~UINT64_C(0x400);
    regs->user.rdi = integers[0];
    regs->user.rsi = integers[1];
    regs->user.rdx = integers[2];
    regs->user.rcx = integers[3];
    regs->user.r8 = integers[4];
    regs->user.r9 = integers[5];
    return sizeof return_to;
}

static inline uint64_t arch_sp(const struct arch_regs *regs) { return regs->user.rsp; }

/* A function has returned to a system call instruction: gives its result at the entry of that call,
 * and has the kernel leave the call out. */
static inline uint64_t arch_function_result(const struct arch_regs *regs)
{
    return regs->user.orig_rax;
}
static inline void arch_syscall_skip(struct arch_regs *regs) { regs->user.orig_rax = UINT64_MAX; }

/* The number of the system call that a thread is in; negative: it is in none. */
static inline int64_t arch_syscall_number(const struct arch_regs *regs)
{
    return (int64_t)regs->user.orig_rax;
}

/* What a system call has returned; -errno if it failed. */
static inline int64_t arch_syscall_result(const struct arch_regs *regs)
{
    return (int64_t)regs->user.rax;
}

/* Tells whether a thread's system call was interrupted so that the kernel will start it anew by
 * rewinding the pc (-ERESTARTSYS and its like, 512 to 516). */
static inline int arch_will_restart(const struct arch_regs *regs)
{
    int64_t result = (int64_t)regs->user.rax;
    return (int64_t)regs->user.orig_rax >= 0 && result <= -512 && result >= -516;
}

/* What a system call that was interrupted returns to tracers if the kernel keeps in the thread what
 * it needs to go on with it (ERESTART_RESTARTBLOCK): nanosleep, poll and futex with a timeout. */
#define ARCH_RESTART_BLOCK (-516)

/* Changes the registers of a thread in such a call, if another one has replaced what the kernel
 * kept: the call begins anew, with all of its time; or, where it is not known which call it was,
 * fails with EINTR. */
static inline void arch_restart_anew(struct arch_regs *regs)
{
    enum { INTERRUPTED = -4, RESTART = -514, RESTART_SYSCALL = 219 };
    if ((int64_t)regs->user.orig_rax >= 0 && (int64_t)regs->user.rax == ARCH_RESTART_BLOCK)
        regs->user.rax =
            (uint64_t)(regs->user.orig_rax == RESTART_SYSCALL ? INTERRUPTED : RESTART);
}

/* Tells whether a thread that goes on will make an interrupted system call anew, and if so at which
 * address. */
static inline bool arch_restarts_at(const struct arch_regs *regs, uint64_t *address)
{
    *address = regs->user.rip - sizeof arch_syscall_insn;
    return arch_will_restart(regs);
}

/* For a thread that the tracer has stopped within a system call. If the stop made the call end with
 * EINTR, and it does no harm to make the call again, the registers are changed so that the kernel
 * does that, unless a signal handler is to run first. A timeout that was given with the call begins
 * anew. Returns 1 if the registers were changed, else 0. */
int arch_restart_interrupted(struct arch_regs *regs);

/* Tells whether more than `regs` is needed for an interrupted system call to be made again: on this
 * CPU it is not. */
static inline bool arch_restart_argument(pid_t tid, const struct arch_regs *regs,
                                         uint64_t *argument)
{
    (void)tid, (void)regs, (void)argument;
    return false;
}

/* Changes the registers of a thread that will make an interrupted system call anew to those of one
 * that is about to make it. `argument`: as arch_restart_argument gives it. */
static inline void arch_restart_rewind(struct arch_regs *regs, uint64_t argument)
{
    (void)argument;
    arch_syscall_rewind(regs);
}

/* Sets the first argument of the system call that a thread is at the entry of; or puts it back when
 * the call has `returned`, since user space expects to find the argument in its register. False:
 * nothing was changed. */
static inline bool arch_set_first_argument(struct arch_regs *regs, bool returned, uint64_t value)
{
    (void)returned;
    regs->user.rdi = value;
    return true;
}

/* Debug registers: each slot of a stopped thread watches one instruction, or some bytes of data.
 * Slots [first, first + count) serve one kind. */
#define ARCH_DEBUG_SLOTS 4
static inline void arch_debug_slots(enum arch_debug_kind kind, unsigned *first, unsigned *count)
{
    (void)kind;
    *first = 0;
    *count = ARCH_DEBUG_SLOTS;
}

/* The first piece of a range that lies within 8 bytes aligned to 8. */
static inline unsigned arch_watch_piece(uint64_t address, unsigned size)
{
    unsigned piece = 8; /* its size is a power of two, and it is aligned to that */
    while (piece > size || address % piece != 0)
        piece /= 2;
    return piece;
}

/* Tells whether a slot can watch for reads alone: on this CPU it tells of writes, too. */
#define ARCH_WATCHES_READS false

/* Tells whether a thread is stopped before it has executed the instruction that touches what is
 * watched: on this CPU it has executed it. */
#define ARCH_WATCH_STOPS_BEFORE false

/* Changes the registers of a thread at an instruction so that a slot does not stop it there (RF in
 * eflags). False: this CPU has no such flag. */
static inline bool arch_resume_flag(struct arch_regs *regs)
{
    regs->user.eflags |= 1 << 16;
    return true;
}

/* Tells whether a breakpoint of perf can be lost when a tracer stops the thread: on this CPU it
 * cannot. */
#define ARCH_LOSES_BREAKPOINTS false

/* The software breakpoint instruction (int3), and how far past it the pc is when it traps. */
static const uint8_t arch_trap_insn[] = {0xcc};
#define ARCH_TRAP_PC_ADVANCE 1

/* The length of the longest instruction. */
#define ARCH_INSN_MAX 15

/* Where a thread has stored its flags: the address, and whether a step has left its own flag there,
 * which is to be taken off the 16 bits there. `regs` are those after the step. */
static inline uint64_t arch_step_stored(const struct arch_regs *regs) { return regs->user.rsp; }
#define ARCH_STEP_FLAG 0x100
static inline bool arch_steps_itself(const struct arch_regs *regs)
{
    return regs->user.eflags & ARCH_STEP_FLAG;
}

/* Instructions that trap in the same way and that may be found in text which is there already:
 * within another instruction, or between functions. The likeliest comes first. */
static const uint8_t arch_found_traps[][1] = {{0xcc}};

#endif
