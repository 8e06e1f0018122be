/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/snapshot.h"

#include "ptrace/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096 /* comparing goes by so many bytes: no CPU has smaller pages */

int snapshot_take(struct inferior *inferior, const struct snapshot_range *ranges, size_t count,
                  struct snapshot *snapshot)
{
    *snapshot = (struct snapshot){.count = count};
    for (size_t i = 0; i < count; i++)
        if (__builtin_add_overflow(snapshot->size, ranges[i].size, &snapshot->size))
            return -EOVERFLOW;
    snapshot->ranges = calloc(count ? count : 1, sizeof *ranges);
    snapshot->bytes = malloc(snapshot->size ? snapshot->size : 1);
    int err = snapshot->ranges && snapshot->bytes ? 0 : -ENOMEM;
    char *to = snapshot->bytes;
    for (size_t i = 0; i < count && !err; i++) {
        snapshot->ranges[i] = ranges[i];
        err = memory_read(inferior, ranges[i].address, to, ranges[i].size);
        to += ranges[i].size;
    }
    if (err)
        snapshot_free(snapshot);
    return err;
}

void snapshot_digest(const struct snapshot *snapshot, char digest[DIGEST_128_SIZE])
{
    const struct digest_part parts[] = {
        {snapshot->ranges, snapshot->count * sizeof *snapshot->ranges},
        {snapshot->bytes, snapshot->size},
    };
    digest_128(parts, 2, digest);
}

typedef int visit(struct inferior *inferior, uint64_t address, const char *bytes, size_t size,
                  uint64_t *where);

/* Calls `differs` for each page whose bytes are no longer those of the snapshot, until it returns
 * non-zero. *where is the first byte of that page that differs. */
static int for_each_difference(struct inferior *inferior, const struct snapshot *snapshot,
                               visit *differs, uint64_t *where)
{
    char now[PAGE];
    const char *bytes = snapshot->bytes;
    for (size_t i = 0; i < snapshot->count; i++) {
        const struct snapshot_range *range = &snapshot->ranges[i];
        for (uint64_t at = 0; at < range->size; at += PAGE) {
            size_t n = range->size - at < PAGE ? (size_t)(range->size - at) : PAGE;
            int err = memory_read(inferior, range->address + at, now, n);
            if (!err && memcmp(now, bytes + at, n) != 0) {
                size_t same = 0;
                while (now[same] == bytes[at + same])
                    same++;
                *where = range->address + at + same;
                err = differs(inferior, range->address + at, bytes + at, n, where);
            }
            if (err)
                return err;
        }
        bytes += range->size;
    }
    return 0;
}

static int report(struct inferior *inferior, uint64_t address, const char *bytes, size_t size,
                  uint64_t *where)
{
    (void)inferior, (void)address, (void)bytes, (void)size, (void)where;
    return -EILSEQ;
}

static int rewrite(struct inferior *inferior, uint64_t address, const char *bytes, size_t size,
                   uint64_t *where)
{
    (void)where;
    return memory_write(inferior, address, bytes, size);
}

int snapshot_verify(struct inferior *inferior, const struct snapshot *snapshot, uint64_t *address)
{
    return for_each_difference(inferior, snapshot, report, address);
}

int snapshot_restore(struct inferior *inferior, const struct snapshot *snapshot)
{
    uint64_t where;
    return for_each_difference(inferior, snapshot, rewrite, &where);
}

void snapshot_free(struct snapshot *snapshot)
{
    free(snapshot->ranges);
    free(snapshot->bytes);
    *snapshot = (struct snapshot){0};
}
