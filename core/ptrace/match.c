/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/match.h"

#include "ptrace/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct matches {
    struct inferior *inferior; /* not changed by the threads: memory_reopen was called before */
    const struct match *list;
};

static int compare(struct inferior *inferior, const struct match *one, char *buffer)
{
    char digest[DIGEST_64_SIZE];
    if (one->size > MATCH_CHUNK)
        return -EINVAL;
    int err = memory_read(inferior, one->address, buffer, (size_t)one->size);
    if (err)
        return err;
    digest_64(buffer, (size_t)one->size, digest);
    return strcmp(digest, one->digest) == 0 ? 0 : -EILSEQ;
}

/* Compares the chunks that stand for a part of the work: each for MEMORY_PIECE bytes of it. */
static int compare_some(void *context, uint64_t at, uint64_t size)
{
    const struct matches *matches = context;
    char *buffer = malloc(MATCH_CHUNK);
    int err = buffer ? 0 : -ENOMEM;
    for (uint64_t i = at / MEMORY_PIECE; !err && i < (at + size) / MEMORY_PIECE; i++)
        err = compare(matches->inferior, &matches->list[i], buffer);
    free(buffer);
    return err;
}

int match_all(struct inferior *inferior, const struct match *list, size_t count)
{
    struct matches matches = {inferior, list};
    if (inferior->mem < 0)
        memory_reopen(inferior);
    return count ? memory_in_parallel(count * MEMORY_PIECE, compare_some, &matches) : 0;
}
