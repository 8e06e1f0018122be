/* SPDX-License-Identifier: Apache-2.0
 * The state of a remote call, which call.c and function.c share. */
#ifndef TIEXEC_CALL_STATE_H
#define TIEXEC_CALL_STATE_H

#include "ptrace/function.h"
#include "ptrace/registers.h"

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
    int held;               /* a signal that has come meanwhile */
    struct arch_regs after; /* the registers at its return */
    int err;
    bool took_restart; /* what the kernel kept for an interrupted call of the thread is replaced */
    bool is_function; /* and no system call: see function.h */
    struct function function;
    struct function_end end;
};

#endif
