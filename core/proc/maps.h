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
    size_t count, total; /* total: those of the process, however many are joined */
    char *text;
};

/* MAPS_DETAILS: from smaps, which takes longer. MAPS_JOINED: runs of at least MAPS_RUN private
 * mappings side by side that are of no file, have no name and cannot be executed, such as the
 * stacks of many threads, are one mapping each, "rw-p" and with the details of the first one. */
enum maps_detail { MAPS_PLAIN = 0, MAPS_DETAILS = 1, MAPS_JOINED = 2, MAPS_DETAILS_JOINED = 3 };
#define MAPS_RUN 16

/* Reads the mappings of `pid`. Returns 0, and the
 * caller calls maps_free; or -errno. -EPROTO: this code does not understand a line. A process that
 * has exited has no mappings: then `count` is 0. */
int maps_read(pid_t pid, enum maps_detail detail, struct maps *maps);

/* The same for those that begin below `limit`, which is sooner done. */
int maps_read_below(pid_t pid, enum maps_detail detail, uint64_t limit, struct maps *maps);

void maps_free(struct maps *maps);

#endif
