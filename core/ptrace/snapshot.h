/* SPDX-License-Identifier: Apache-2.0
 * A snapshot: the bytes of some ranges of the inferior as they were at one moment. */
#ifndef TIEXEC_SNAPSHOT_H
#define TIEXEC_SNAPSHOT_H

#include "base/digest.h"
#include "ptrace/inferior.h"

struct snapshot_range {
    uint64_t address, size;
};

struct snapshot {
    struct snapshot_range *ranges;
    size_t count;
    uint64_t size; /* of all ranges together, bytes */
    char *bytes;   /* of the ranges, one after another */
};

/* Reads the bytes of `count` ranges. The list of ranges is copied. Returns 0, and the caller calls
 * snapshot_free; or -errno; -EOVERFLOW: together they are more than any memory. */
int snapshot_take(struct inferior *inferior, const struct snapshot_range *ranges, size_t count,
                  struct snapshot *snapshot);

/* A digest of the bytes and of the addresses where they stood. */
void snapshot_digest(const struct snapshot *snapshot, char digest[DIGEST_128_SIZE]);

/* Compares with memory as it is now. 0 or -errno; -EILSEQ: *address is the first byte that
 * differs. */
int snapshot_verify(struct inferior *inferior, const struct snapshot *snapshot, uint64_t *address);

/* Writes back the pages that differ, and only those. 0 or -errno. */
int snapshot_restore(struct inferior *inferior, const struct snapshot *snapshot);

void snapshot_free(struct snapshot *snapshot);

#endif
