/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/folios.h"

#include "base/file.h"
#include "proc/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/* The bits of an entry of /proc/PID/pagemap. Since Linux 4.2 the kernel tells the frame number only
 * to readers with CAP_SYS_ADMIN; others read 0. */
#define ENTRY_PRESENT (UINT64_C(1) << 63)
#define ENTRY_FRAME   ((UINT64_C(1) << 55) - 1)

/* Flags of <linux/kernel-page-flags.h>: a page is the first of its folio, or one of the others. */
#define FLAG_HEAD (UINT64_C(1) << 15)
#define FLAG_TAIL (UINT64_C(1) << 16)

/* The pages of one block. `entries` has the pagemap entry of each, `flags` the flags of its
 * frame. */
struct block {
    size_t count;
    uint64_t *entries, *flags;
};

/* Reads `count` 64-bit words, from word number `index` of the file on. */
static int read_words(int fd, uint64_t *words, size_t count, uint64_t index)
{
    ssize_t size = pread(fd, words, count * 8, (off_t)(index * 8));
    if (size < 0)
        return -errno;
    return size == (ssize_t)(count * 8) ? 0 : -EIO;
}

/* Tells whether one folio holds the whole block: its frames are side by side, the number of the
 * first is a multiple of their count, and no frame but the first begins a folio. */
static bool is_one_folio(const struct block *block)
{
    uint64_t first = block->entries[0] & ENTRY_FRAME;
    if (first % block->count != 0 || !(block->flags[0] & (FLAG_HEAD | FLAG_TAIL)))
        return false;
    for (size_t i = 1; i < block->count; i++)
        if ((block->entries[i] & ENTRY_FRAME) != first + i || !(block->flags[i] & FLAG_TAIL))
            return false;
    return true;
}

/* Reads what the kernel tells of the block at page number `page`. */
static int check_block(int pagemap, int flags, uint64_t page, struct block *block, bool *is_folio)
{
    *is_folio = false;
    int err = read_words(pagemap, block->entries, block->count, page);
    if (err || !(block->entries[0] & ENTRY_PRESENT))
        return err;
    if ((block->entries[0] & ENTRY_FRAME) == 0)
        return -EPERM;
    err = read_words(flags, block->flags, block->count, block->entries[0] & ENTRY_FRAME);
    *is_folio = !err && is_one_folio(block);
    return err;
}

int folios_bytes(pid_t pid, uint64_t start, uint64_t stop, uint64_t size, uint64_t *bytes)
{
    uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
    struct block block = {.count = (size_t)(size / page_size)};
    int pagemap = process_open(pid, "pagemap", O_RDONLY), flags = file_open("/proc/kpageflags");
    int err = pagemap < 0 ? pagemap : flags < 0 ? flags : 0;
    *bytes = 0;
    block.entries = calloc(block.count, 16);
    if (!block.entries)
        err = -ENOMEM;
    else
        block.flags = block.entries + block.count;
    uint64_t at = (start + size - 1) & -size;
    for (; !err && at < stop && stop - at >= size; at += size) {
        bool is_folio;
        err = check_block(pagemap, flags, at / page_size, &block, &is_folio);
        if (is_folio)
            *bytes += size;
    }
    free(block.entries);
    if (pagemap >= 0)
        close(pagemap);
    if (flags >= 0)
        close(flags);
    return err;
}
