/* SPDX-License-Identifier: Apache-2.0
 * Where memory is no longer what a snapshot has. */
#ifndef TIEXEC_DIFFERENCES_H
#define TIEXEC_DIFFERENCES_H

#include "ptrace/snapshot.h"

/* Ranges of addresses, in the order of the snapshot's ranges. */
struct differences {
    struct snapshot_range *list;
    size_t count, room;
};

/* Lists the ranges that differ now. They begin and end at multiples of `grain`, a power of two up
 * to MEMORY_PIECE, or where a range of the snapshot does: with 1 they are the very bytes. Returns
 * 0, and the caller frees `list`; or -errno. */
int differences_find(struct inferior *inferior, const struct snapshot *snapshot, uint64_t grain,
                     struct differences *found);

#endif
