/* SPDX-License-Identifier: Apache-2.0
 * Unwinding stacks by the tables of ELF files (.eh_frame, .debug_frame), with libdw where that is
 * installed. Where a function has no table, libdw goes by frame pointers. */
#ifndef TIEXEC_UNWIND_H
#define TIEXEC_UNWIND_H

#include "ptrace/inferior.h"

struct unwinder;

struct unwind_object {
    const char *name;
    const char *debug; /* path of its debug file; NULL: it has none */
    int fd;            /* of its file; it is closed in any case */
    uint64_t bias;
};

struct unwind_frame {
    uint64_t pc;
    bool is_activation; /* pc is where the frame is; else where a call in it will return to */
};

/* Makes an unwinder for a process, to which its objects are then added. -ELIBACC: libdw is not
 * installed; -ENOMEM. Ended by unwinder_free. */
int unwinder_open(pid_t pid, struct unwinder **unwinder);

/* Adds an object. -ENOEXEC: libdw does not take it. */
int unwinder_add(struct unwinder *unwinder, const struct unwind_object *object);

/* The frames of a thread; `list` is the caller's, with `room` for so many. */
struct unwind_frames {
    struct unwind_frame *list;
    size_t count, room;
};

/* Lists the frames of a stopped thread, the innermost first, as many as there is room for.
 * 0; or -ENODATA: it is not known who called the last of them. */
int unwinder_frames(struct unwinder *unwinder, struct inferior *inferior,
                    const struct tracee *thread, struct unwind_frames *frames);

void unwinder_free(struct unwinder *unwinder);

#endif
