/* SPDX-License-Identifier: Apache-2.0
 * A program with everything that is mapped before it begins: its dynamic linker, what it needs, and
 * what that needs. */
#ifndef TIEXEC_CLOSURE_H
#define TIEXEC_CLOSURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOSURE_LIBRARIES 64

/* Where libraries are looked for, and what pages there are. */
struct closure_rules {
    const char *cache; /* the dynamic linker's list of libraries: LIBRARY_CACHE */
    uint64_t huge, page;
};

enum closure_verdict {
    CLOSURE_NOTHING, /* no text of the program, or of a library, can be on huge pages */
    CLOSURE_LATER,   /* likewise; but it may become, start or load something whose text can */
    CLOSURE_MAYBE,   /* some may; or it cannot be told without starting the program */
    CLOSURE_OTHER,   /* the file cannot be read, is no native program, or has rights of its own */
};

/* Judges a file that execve(2) would be given. A script is judged by its interpreter. What is not
 * known for certain makes CLOSURE_MAYBE: a library that is not in the list, folders of a program's
 * own (RPATH, RUNPATH), another dynamic linker than glibc's, more than CLOSURE_LIBRARIES. Libraries
 * that a program opens later are not looked at. */
enum closure_verdict closure_judge(const char *path, const struct closure_rules *rules);

/* Tells whether text of anything but the program itself may come to lie on huge pages: of its
 * dynamic linker, or of a library that it needs. True, too, where it cannot be told. */
bool closure_libraries_may_gain(const char *path, const struct closure_rules *rules);

#endif
