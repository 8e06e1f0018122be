/* SPDX-License-Identifier: Apache-2.0
 * What is said of a program that has nothing to gain itself: what it is, and what is done about
 * what it becomes, starts and loads. The start before Lua says it, and so does Lua's. */
#ifndef TIEXEC_TELLING_H
#define TIEXEC_TELLING_H

#include <stdbool.h>
#include <stddef.h>

#define TELLING_NAME 64  /* characters of a name, with its NUL */
#define TELLING_LINE 512 /* the same of a line */

enum telling_kind {
    TELLING_PROGRAM,  /* whatever it is, it has something to do itself */
    TELLING_SHELL,    /* it does what it is told */
    TELLING_SCRIPT,   /* the kernel starts the program that its first line names */
    TELLING_LAUNCHER, /* it becomes, or starts, what its command line names */
    TELLING_LINKER,   /* a dynamic linker, which maps what its command line names */
};

enum telling_care {
    TELLING_WATCHED,   /* what comes of it is watched */
    TELLING_TRACED,    /* it is traced, up to the programs that have text for huge pages */
    TELLING_UNWATCHED, /* nobody looks after that */
};

/* Says what the file `path` is, which is started with `argv` (it ends with NULL), by its name, or
 * its first line. `runs` gets the name of what is run in the end where the line or `argv` leaves
 * no doubt about it; else "". */
enum telling_kind telling_kind(const char *path, char *const *argv, char runs[TELLING_NAME]);

/* Tells whether a file's name is that of a dynamic linker. */
bool telling_is_linker(const char *path);

/* Makes one line without a newline, of a kind and what `runs` has. `why` is told of what is not
 * watched, and may be NULL. Returns its length. */
size_t telling_line(char line[TELLING_LINE], enum telling_kind kind, const char *runs,
                    enum telling_care care, const char *why);

#endif
