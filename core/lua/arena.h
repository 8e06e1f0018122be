/* SPDX-License-Identifier: Apache-2.0
 * Lua's memory in the program: small blocks come out of one arena while it lasts, and go back to lists by size.
 * Lua tells the size of what it gives back, so there is no header to keep, as malloc does, which was a quarter of
 * all that a start computes. Everything else is malloc's. */
#ifndef TIEXEC_ARENA_H
#define TIEXEC_ARENA_H

#include <stddef.h>

/* A lua_Alloc, for a state that may have been made with malloc. There is one arena: one thread at a time. */
void *arena_allocate(void *context, void *block, size_t old, size_t size);

#endif
