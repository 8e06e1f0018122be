/* SPDX-License-Identifier: Apache-2.0
 * The steps of a start that was over at its exec stop, as they are kept in a file: what the process
 * was like there, and what it was made to do. Addresses are kept relative to where the program
 * lies, since that is another place at each start.
 *
 * A file is trusted as copies of text are (os/cache.h). It lies in memory, so it is gone with the
 * kernel that it was made on. */
#ifndef TIEXEC_STEPS_H
#define TIEXEC_STEPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define STEPS_MAX      32
#define STEPS_MAPPINGS 16
#define STEPS_PATH     64

/* One mapping of the program at its exec stop. */
struct steps_mapping {
    uint64_t start, stop, offset; /* addresses relative to the place where the program was put */
    char perms[4];                /* "r-xp" */
    uint32_t is_file;             /* it is the executable's; else it is of no file */
};

/* To what a value of a step is to be added. */
enum step_base {
    STEP_NUMBER, /* nothing */
    STEP_OLD,    /* the place where the kernel has put the program */
    STEP_NEW,    /* the place to which it is moved; the same if it is not */
    STEP_FILE,   /* nothing: it stands for the descriptor of the last STEP_OPEN */
    STEP_ASIDE,  /* memory that the program has mapped at any place, a multiple of `huge` */
};

enum step_kind {
    STEP_OPEN, /* the program opens its executable */
    STEP_CALL, /* it makes a system call: value 0 is what that returns, 1 to 6 its arguments. If
                * value 0 is STEP_ASIDE, it maps the memory that this stands for from then on */
    STEP_COPY, /* memory is copied where it differs: value 0 from, 1 to, 2 bytes */
    STEP_MOVE, /* the auxiliary vector, and the kernel, are told of the new place */
    STEP_LOOK, /* memory must be on huge pages by now: value 0 is where, 1 the bytes */
};

struct step {
    uint8_t kind;
    uint8_t bases[7]; /* of the values */
    int64_t call;     /* the number of the system call */
    uint64_t values[7];
};

struct steps {
    char magic[16];
    uint64_t tiexec[5], executable[5]; /* whose they are: device, inode, size, times */
    uint64_t huge;                     /* the size of a huge page, bytes */
    /* The text that is on huge pages in the end, relative to the new place, and where it begins in
     * the file. */
    uint64_t text_start, text_stop, text_offset;
    /* If the program is moved: it goes down by `distance` bytes, and by as many more, less than
     * `huge`, as make its old place and `congruence` together a multiple of `huge`. The distance is
     * always a multiple of `alignment`. */
    uint64_t is_moved, distance, congruence, alignment;
    uint64_t is_fixed; /* it lies where it says, and no address is relative */
    uint64_t mapping_count, step_count;
    struct steps_mapping mappings[STEPS_MAPPINGS];
    struct step list[STEPS_MAX];
};

/* Gives the folder in which steps are kept for this user. */
void steps_folder(char path[STEPS_PATH]);

/* Reads the steps that are kept of an executable. Returns 0 or -errno; -ENOENT: there are none;
 * -ESTALE: the executable, or tiexec, is not the one that it was. */
int steps_read(const struct stat *executable, struct steps *steps);

/* Keeps the steps of an executable in place of those that there are. The caller has filled all
 * from `huge` on. 0 or -errno; -EAGAIN: the executable was changed in the last seconds, so that
 * its times may not tell the next change. */
int steps_keep(struct steps *steps, const struct stat *executable);

#endif
