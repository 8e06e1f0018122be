/* SPDX-License-Identifier: Apache-2.0
 * What a SIGTRAP tells. */
#ifndef TIEXEC_TRAP_H
#define TIEXEC_TRAP_H

#include "ptrace/inferior.h"
#include "ptrace/watchpoint.h"

enum trap_kind {
    TRAP_NOBODYS,    /* a breakpoint that is gone, or is for other threads */
    TRAP_SIGNAL,     /* a signal of the program's own, which it gets when it goes on */
    TRAP_STEPPED,    /* one instruction was executed */
    TRAP_BREAKPOINT, /* the thread has come to `address` */
    TRAP_WATCHPOINT  /* the thread has touched what is watched: `touch` */
};

struct trap_news {
    enum trap_kind kind;
    bool stepped; /* it was to execute one instruction, and has */
    uint64_t address;
    struct touch touch;
};

/* Takes in the SIGTRAP by which a thread is stopped. 0 or -errno. */
int trap_take(struct inferior *inferior, struct tracee *thread, struct trap_news *news);

#endif
