/* SPDX-License-Identifier: Apache-2.0
 * Blocks of a file, of a huge page each, mapped aside in this process. */
#ifndef TIEXEC_ASIDE_H
#define TIEXEC_ASIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whole blocks of a file. `huge` is the size of a huge page, of which `offset` and `size` are
 * multiples. */
struct blocks {
    int fd;
    uint64_t offset, size, huge;
};

uint64_t aside_page_size(void);

/* Maps the blocks where they can be huge, with this protection and advice. `*room` is what
 * aside_unmap is to be given. Returns their address, or NULL, see errno. */
char *aside_map(const struct blocks *blocks, int protection, int advice, char **room);
void aside_unmap(const struct blocks *blocks, char *room);

/* Reads what is missing of a part of the mapping, and maps all of it. 0 or -errno; -EFAULT: the
 * file cannot be read. */
int aside_populate(char *place, uint64_t size);

/* Notes in `cached` of each page of a mapping that was not touched yet whether it is cached. To
 * users who may not know the kernel says that all of them are. 0 or -errno. */
int aside_cached(char *place, uint64_t size, unsigned char cached[]);

/* Finds the next run of cached pages, [*from, *to), from `*to` on. false: there is none. */
bool aside_next_run(const unsigned char cached[], uint64_t pages, uint64_t *from, uint64_t *to);

#endif
