/* SPDX-License-Identifier: Apache-2.0
 * Where in a table of threads each thread is: by its id, in one look, however many there are. */
#ifndef TIEXEC_PLACES_H
#define TIEXEC_PLACES_H

#include "ptrace/tracee.h"

#include <stddef.h>

#define PLACES_NONE SIZE_MAX

/* An empty one is all zeros. A table of few threads is searched from end to end, and needs none. */
struct places {
    uint32_t *slots; /* by the hash of an id: 1 + the place; 0: free; SLOT_LEFT: was taken once */
    size_t size, used;
};

/* The table that `places` is about. */
struct threads {
    const struct tracee *list;
    size_t count;
};

/* Gives the place of the thread `tid`; PLACES_NONE: it is not in the table. */
size_t places_find(const struct places *places, struct threads table, pid_t tid);

/* Notes the last thread of the table, which is new. False: memory is short. */
bool places_add(struct places *places, struct threads table);

/* Is told that the thread at `place` is about to be taken out, and the last one to be put there. */
void places_remove(struct places *places, struct threads table, size_t place);

/* Forgets all threads, and frees what there is. */
void places_clear(struct places *places);

#endif
