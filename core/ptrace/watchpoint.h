/* SPDX-License-Identifier: Apache-2.0
 * Watchpoints: debug registers stop every thread that touches some data. */
#ifndef TIEXEC_WATCHPOINT_H
#define TIEXEC_WATCHPOINT_H

#include "ptrace/inferior.h"

#define WATCH_MAX 32 /* bytes */

struct watchpoint {
    uint64_t id, address;
    enum arch_debug_kind kind;
    bool enabled;
    bool before;  /* it is told as the CPU tells it, maybe before the instruction is executed */
    pid_t thread; /* the only one that it stops; 0: all */
    unsigned size, slot_count;
    unsigned slots[WATCH_MAX];
    uint8_t value[WATCH_MAX]; /* as it was told last */
};

/* What a thread has touched. */
struct touch {
    uint64_t id, address;
    enum arch_debug_kind kind;
    unsigned size;
    uint8_t before[WATCH_MAX], now[WATCH_MAX];
};

/* Watches `size` bytes, which take a debug register for each piece that the CPU can watch at once
 * (arch_watch_piece). Threads that run are held meanwhile. 0 or -errno; -ENOSPC: the debug
 * registers are used up; -EINVAL: no bytes, or more than WATCH_MAX. */
int watchpoint_insert(struct inferior *inferior, uint64_t address, unsigned size,
                      enum arch_debug_kind kind, uint64_t *id);

struct watchpoint *watchpoint_find(const struct inferior *inferior, uint64_t id);
int watchpoint_remove(struct inferior *inferior, uint64_t id);
int watchpoint_enable(struct inferior *inferior, uint64_t id, bool on);
void watchpoint_remove_all(struct inferior *inferior);
void watchpoint_forget(struct inferior *inferior);

/* Finds which watchpoint stops the stopped `thread` for what its trap tells. Where the CPU stops a
 * thread before the instruction is executed, the thread executes it now, unless the watchpoint is
 * told before that. Returns 1, and *touch is filled; 0: none does; or -errno. */
int watchpoint_take(struct inferior *inferior, struct tracee *thread,
                    const struct arch_trap *trap, struct touch *touch);

/* Has a thread that is stopped so execute the instruction, without its debug registers. *status is
 * that of its stop. 0 or -errno as step_one. */
int watchpoint_step(struct inferior *inferior, struct tracee *thread, int *status);

#endif
