/* SPDX-License-Identifier: Apache-2.0
 * The mappings of a process: /proc/PID/maps and smaps. */
#ifndef TIEXEC_MAPS_H
#define TIEXEC_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One line of /proc/PID/maps. The fields below `path` are 0 and "" unless details were asked
 * for. */
struct mapping {
    uint64_t start, stop, offset; /* addresses [start, stop); offset into the file */
    char perms[5];                /* as the kernel writes them: "r-xp" */
    unsigned dev_major, dev_minor;
    uint64_t inode;
    const char *path; /* "" when anonymous; points into the text that `struct maps` owns */
    uint64_t rss, pss, private_dirty, anonymous, swap;  /* bytes, as smaps names them */
    uint64_t anon_huge, shmem_huge, file_huge, hugetlb; /* bytes mapped by huge pages, by kind */
    uint64_t kernel_page_size;                          /* bytes */
    uint64_t protection_key;                            /* of pkeys(7); 0: the default */
    const char *vm_flags;                               /* "rd ex mr …", "" unless details */
};

struct maps {
    struct mapping *list;
    size_t count;
    char *text;
};

/* Reads the mappings of `pid`; with `details` from smaps, which takes longer. Returns 0, and the
 * caller calls maps_free; or -errno. -EPROTO: this code does not understand a line. A process that
 * has exited has no mappings: then `count` is 0. */
int maps_read(pid_t pid, bool details, struct maps *maps);
void maps_free(struct maps *maps);

#endif
