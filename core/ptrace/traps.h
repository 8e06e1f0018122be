/* SPDX-License-Identifier: Apache-2.0
 * The trap instructions that this side has written into the inferior's text, and what stood there
 * before. This is the table alone; breakpoint.h writes them.
 *
 * Whoever reads memory gets what stood there before, and whoever writes, writes beneath. */
#ifndef TIEXEC_TRAPS_H
#define TIEXEC_TRAPS_H

#include "ptrace/inferior.h"

struct trap {
    uint64_t address;
    unsigned references; /* breakpoints that need it; 0: a thread may have executed it before it was
                          * taken away, and has not stopped since */
    bool planted;        /* it was written to memory, and not taken away since */
    bool known;          /* `original` is what stood there: it was planted at some time */
    uint8_t original[sizeof arch_trap_insn];
};

/* Finds the trap at an address; NULL: there is none. */
struct trap *traps_find(const struct inferior *inferior, uint64_t address);

/* Adds one that is not there yet. A pointer is valid until a trap is added or dropped. NULL: memory
 * is short. */
struct trap *traps_add(struct inferior *inferior, uint64_t address);

/* Drops all traps that no breakpoint needs. No thread may have executed one that is still to be
 * told of. */
void traps_drop_unused(struct inferior *inferior);

/* Tells whether a range has any planted trap, or a part of one, in it. */
bool traps_overlap(const struct inferior *inferior, uint64_t address, size_t size);

/* Change bytes that were read from memory, or are to be written there: from traps to what stands
 * beneath, and back. Where something else has been written over a trap, that is left. */
void traps_hide(const struct inferior *inferior, uint64_t address, void *bytes, size_t size);
void traps_show(const struct inferior *inferior, uint64_t address, void *bytes, size_t size);

/* Notes what was written: it stands beneath the traps. */
void traps_note(const struct inferior *inferior, uint64_t address, const void *bytes, size_t size);

#endif
