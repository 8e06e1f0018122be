/* SPDX-License-Identifier: Apache-2.0
 * Whether the memory of an inferior has certain bytes, of which digests were made before. */
#ifndef TIEXEC_MATCH_H
#define TIEXEC_MATCH_H

#include "base/digest.h"
#include "ptrace/inferior.h"

/* The longest chunk, in bytes. */
#define MATCH_CHUNK ((uint64_t)1 << 18)

struct match {
    uint64_t address, size;
    char digest[DIGEST_64_SIZE]; /* of what is to be there (digest_64) */
};

/* Compares all chunks of a list, in as many threads as there are processors. 0 or -errno; -EILSEQ:
 * some has other bytes; -EINVAL: some is too long. */
int match_all(struct inferior *inferior, const struct match *list, size_t count);

#endif
