/* SPDX-License-Identifier: Apache-2.0
 * The outline of a native ELF file: what decides whether its text can be on huge pages, and which
 * libraries it needs. A start may have to look at every library of a program, before the C library
 * can be used: elf/image.h tells more, and takes longer. */
#ifndef TIEXEC_OUTLINE_H
#define TIEXEC_OUTLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTLINE_LOADS   16
#define OUTLINE_NAMES   1024
#define OUTLINE_HEADERS 2048

/* One PT_LOAD segment. The range is in memory, without a load bias. */
struct outline_load {
    uint64_t start, stop, offset;
    bool text, writable;
};

struct outline {
    bool fixed;      /* it can only be mapped where it says (ET_EXEC) */
    bool has_search; /* it says where libraries are to be looked for (RPATH, RUNPATH, ...) */
    bool may_change; /* it may become or start another program, or load something */
    struct outline_load loads[OUTLINE_LOADS];
    size_t load_count;
    char interpreter[256];     /* its dynamic linker's path; "": it has none */
    char names[OUTLINE_NAMES]; /* what it needs (DT_NEEDED): strings one after the other */
    size_t names_size;         /* their bytes, with a NUL at the end of each */
};

/* Reads the outline of an open file. Returns 0 or -errno. -ENOEXEC: it is no native program or
 * library, or its headers contradict the file; -E2BIG: it has more of something than there is room
 * for. Nothing in the file is relied on. */
int outline_read(int fd, struct outline *outline);

/* The same but for may_change, which is not looked for: that takes most of the time. */
int outline_read_needs(int fd, struct outline *outline);

/* Tells whether text of the file may come to lie on pages of `huge` bytes. `program` says that it
 * is the file of a program, which tiexec moves to a congruent base, and not of a library, which
 * lies anywhere. False is certain for a program; for a library of less than a huge page it is
 * certain unless the library happens to lie across a multiple of the huge page, with its text on
 * one side and nothing but room beside it. */
bool outline_may_gain(const struct outline *outline, uint64_t huge, uint64_t page, bool program);

#endif
