/* SPDX-License-Identifier: Apache-2.0
 * Digests of bytes (XXH3). A digest tells accidents apart, not attacks: it is no cryptographic
 * hash. */
#ifndef TIEXEC_DIGEST_H
#define TIEXEC_DIGEST_H

#include <stddef.h>

#define DIGEST_64_SIZE  17 /* 16 hexadecimal digits and a NUL */
#define DIGEST_128_SIZE 33 /* 32 hexadecimal digits and a NUL */

struct digest_part {
    const void *bytes;
    size_t size;
};

/* The 64-bit digest of some bytes. */
void digest_64(const void *bytes, size_t size, char digest[DIGEST_64_SIZE]);

/* The 128-bit digest of parts as if they stood one after another in memory. */
void digest_128(const struct digest_part *parts, size_t count, char digest[DIGEST_128_SIZE]);

#endif
