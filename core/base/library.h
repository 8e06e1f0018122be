/* SPDX-License-Identifier: Apache-2.0
 * Shared libraries that are of use where they are installed, and not needed elsewhere: they are
 * loaded when they are asked for. */
#ifndef TIEXEC_LIBRARY_H
#define TIEXEC_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

/* A function of a library: `slot` is the address of a pointer to it, which will be set. */
struct library_function {
    const char *name;
    void *slot;
};

/* Loads a library by the name that the dynamic linker has for it ("liblzma.so.5"), and finds some
 * of its functions. It stays loaded. Returns 0, or -ELIBACC: it is not installed, or has no such
 * function, and no slot may be used. */
int library_bind(const char *name, const struct library_function functions[], size_t count);

/* Tells whether this program can use shared libraries: one that is linked statically cannot. */
bool library_may_load(void);

/* Has the C library look up names of a database ("passwd", "group", "hosts") by `services` alone,
 * where it would have to load a library for others, and cannot. */
void library_limit_lookup(const char *database, const char *services);

#endif
