/* SPDX-License-Identifier: Apache-2.0
 * Breakpoints: a debug register of the CPU holds the address, or an instruction that traps is
 * written into the text. A hardware breakpoint leaves the pages of the file alone.
 *
 * Any number of breakpoints may be at one address: they share a trap or a debug register. Each has
 * an id that no other breakpoint or watchpoint of the inferior ever has. Functions that return an
 * int return 0 or -errno. */
#ifndef TIEXEC_BREAKPOINT_H
#define TIEXEC_BREAKPOINT_H

#include "ptrace/inferior.h"

enum breakpoint_kind { BREAKPOINT_ANY, BREAKPOINT_HARDWARE, BREAKPOINT_SOFTWARE };

struct breakpoint {
    uint64_t id, address;
    pid_t thread; /* the only one that it stops; 0: all */
    bool hardware, enabled;
    unsigned slot; /* hardware: which debug register */
};

/* Sets a breakpoint in all threads, and in threads to come. Threads that run are held meanwhile.
 * BREAKPOINT_ANY prefers hardware. If the selected thread stands at the address, it goes on from
 * there. -ENOSPC: the debug registers are used up. */
int breakpoint_insert(struct inferior *inferior, uint64_t address, enum breakpoint_kind kind,
                      uint64_t *id);

/* Finds one by its id; NULL: it was removed, or an exec has ended the program that it was in. The
 * pointer is valid until one is inserted or removed. */
struct breakpoint *breakpoint_find(const struct inferior *inferior, uint64_t id);

/* Removes one, if it is still there, whether threads run or not: a thread that has hit it, and has
 * not been told of yet, goes on as if it had not. */
int breakpoint_remove(struct inferior *inferior, uint64_t id);

/* Removes all. -errno: traps are left in memory, which cannot be written to. */
int breakpoint_remove_all(struct inferior *inferior);

/* Takes a breakpoint out, or puts it back. -ENOENT: it is gone. */
int breakpoint_enable(struct inferior *inferior, uint64_t id, bool on);

/* Forgets all, when the memory that they were in is gone. */
void breakpoint_forget(struct inferior *inferior);

/* Tells whether any breakpoint at an address stops a thread. */
bool breakpoint_stops(const struct inferior *inferior, uint64_t address, pid_t tid);

/* Gives a child the breakpoints of the process that it was forked from. No traps are in its memory;
 * they are planted there, unless its `lifts` say no. Its thread is stopped. */
int breakpoint_inherit(const struct inferior *parent, struct inferior *child);

/* Takes the trap at an address out of memory, if one is there, and puts it back. */
bool breakpoint_lift(struct inferior *inferior, uint64_t address);
void breakpoint_lower(struct inferior *inferior, uint64_t address);

/* The same for all traps, for as long as another process uses the same memory. Calls nest. */
void breakpoint_lift_all(struct inferior *inferior);
void breakpoint_lower_all(struct inferior *inferior);

/* Takes the traps out of the memory of a process that has a copy of it. */
void breakpoint_clean(const struct inferior *inferior, pid_t child);

#endif
