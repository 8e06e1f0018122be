/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"

#include <stdio.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

void digest_64(const void *bytes, size_t size, char digest[DIGEST_64_SIZE])
{
    snprintf(digest, DIGEST_64_SIZE, "%016llx", (unsigned long long)XXH3_64bits(bytes, size));
}

void digest_128(const struct digest_part *parts, size_t count, char digest[DIGEST_128_SIZE])
{
    XXH3_state_t state;
    XXH3_128bits_reset(&state);
    for (size_t i = 0; i < count; i++)
        XXH3_128bits_update(&state, parts[i].bytes, parts[i].size);
    XXH128_hash_t hash = XXH3_128bits_digest(&state);
    snprintf(digest, DIGEST_128_SIZE, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
}
