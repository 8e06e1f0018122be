/* SPDX-License-Identifier: Apache-2.0
 * What a remote call consists of: call.c makes it, and function.c what differs for functions. */
#ifndef TIEXEC_CALL_STATE_H
#define TIEXEC_CALL_STATE_H

#include "ptrace/inferior.h"
#include "ptrace/registers.h"

/* A call of a function of the program: see function.h. */
struct function {
    uint64_t address;
    uint64_t sp; /* a multiple of 16: the function has the memory below */
    uint64_t integers[ARCH_FUNCTION_INTEGERS];
    double floats[ARCH_FUNCTION_FLOATS];
    size_t float_count; /* the other vector registers stay as they are */
};

/* How it has ended. */
struct function_end {
    uint64_t result;
    double float_result;
    int signal;  /* that it has raised; 0: none */
    uint64_t pc; /* where that was */
};

/* The way of a thread through a remote call: which stop of a system call comes next. */
enum leg {
    LEG_OUT_OF_OTHER, /* the thread was at the entry of a call: that one does nothing */
    LEG_INTO,         /* a function runs until it returns to the instruction of a system call */
    LEG_OUT,
    LEG_INTO_RESTART, /* a call whose argument brings back what an interrupted call needs */
    LEG_OUT_OF_RESTART,
    LEG_INTO_AGAIN, /* back to the entry at which the thread was */
    LEG_OVER
};

struct call {
    enum leg leg;
    long number;
    uint64_t args[6];
    struct arch_regs regs; /* of the thread before it */
    struct extended_registers extended;
    uint64_t mask;
    uint64_t restart[6];
    bool restarts;
    bool entered;           /* the thread was at the entry of a system call */
    bool passes;            /* the thread is to go past a breakpoint: see tracee.h */
    uint64_t passing;
    int held;               /* a signal that has come meanwhile */
    int delivered;          /* a signal whose handler a function has not returned from; 0: none */
    struct arch_regs after; /* the registers at its return */
    int err;
    bool took_restart; /* what the kernel kept for an interrupted call of the thread is replaced */
    bool is_function; /* and no system call: see function.h */
    struct function function;
    struct function_end end;
};

#endif
