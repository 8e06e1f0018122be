/* SPDX-License-Identifier: Apache-2.0
 * The Lua 5.4 bindings: what their files share.
 *
 * A binding reads all its arguments, does its work without a lua_ call, then pushes results. What the
 * kernel or the inferior refuses returns nil, message, errno; misuse raises. */
#ifndef TIEXEC_UTIL_H
#define TIEXEC_UTIL_H

#include "ptrace/snapshot.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

/* Pushes nil, "what: message", errno for a core function's negative result; `what` may be NULL.
 * Returns 3, as a binding does. */
int bind_push_failure(lua_State *L, const char *what, int err);

/* Pushes true for 0, else a failure. */
int bind_push_result(lua_State *L, const char *what, int err);

/* Sets a field of the table on top of the stack. */
void bind_set_integer(lua_State *L, const char *name, uint64_t value);
void bind_set_string(lua_State *L, const char *name, const char *value);
void bind_set_boolean(lua_State *L, const char *name, bool value);

/* An address or size: an integer, never a float, so that none is rounded. */
uint64_t bind_check_address(lua_State *L, int index);

/* An integer field of the table at `index`. Raises for anything else, as of argument `argument`. */
uint64_t bind_check_field(lua_State *L, int index, const char *name, int argument);

/* A list of strings at `index` as argv: NULL at its end; the strings belong to Lua, which keeps the
 * array itself as a userdata on top of the stack. Raises for anything else in the list. */
char **bind_check_argv(lua_State *L, int index);

/* A list of {start=, stop=} at `index`. Lua keeps the array as a userdata on top of the stack. */
struct snapshot_range *bind_check_ranges(lua_State *L, int index, size_t *count);

/* A process id at `index`; raises for what cannot be one. */
pid_t bind_check_pid(lua_State *L, int index);

/* Makes a type of userdata, unless the state has it from before. Both lists end with {NULL, NULL}. */
void bind_make_type(lua_State *L, const char *name, const luaL_Reg methods[], const luaL_Reg meta[]);

#endif
