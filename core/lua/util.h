/* SPDX-License-Identifier: Apache-2.0
 * The Lua 5.4 bindings: what their files share.
 *
 * A binding reads all its arguments, does its work without a call of Lua's API, and then pushes
 * results. So an error that Lua raises cannot leave work half done. Where the kernel or the
 * inferior refuses something, a binding returns nil, message, errno; misuse raises. */
#ifndef TIEXEC_UTIL_H
#define TIEXEC_UTIL_H

#include "ptrace/snapshot.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

/* Pushes nil, "what: message", errno for the negative result `err` of a function of core; `what`
 * may be NULL. Returns 3, the number of results, as a binding does. -EBUSY is a thread that
 * runs. */
int bind_push_failure(lua_State *L, const char *what, int err);

/* The same for an errno that a system call of somebody's has given. */
int bind_push_errno(lua_State *L, const char *what, int number);

/* Pushes true if `err` is 0, else a failure. Returns the number of results. */
int bind_push_result(lua_State *L, const char *what, int err);

/* Sets a field of the table on top of the stack. */
void bind_set_integer(lua_State *L, const char *name, uint64_t value);
void bind_set_string(lua_State *L, const char *name, const char *value);
void bind_set_boolean(lua_State *L, const char *name, bool value);

/* Gives the address or size at a stack index. Raises for what is not an integer: a float may have
 * been rounded. */
uint64_t bind_check_address(lua_State *L, int index);

/* Gives an integer field of the table at a stack index. For any other field raises an error about
 * the argument number `argument`. */
uint64_t bind_check_field(lua_State *L, int index, const char *name, int argument);

/* Gives the list of strings at a stack index as an array like argv, with NULL at its end. Raises
 * for anything else in the list, and for an empty one. The array is a userdata, which is pushed;
 * the strings are the list's. Both are valid as long as Lua has them. */
char **bind_check_argv(lua_State *L, int index);

/* Gives the list of {start=, stop=} at a stack index as an array, which is a userdata that is
 * pushed. Raises for anything else in the list. */
struct snapshot_range *bind_check_ranges(lua_State *L, int index, size_t *count);

/* Gives the process id at a stack index. Raises for what cannot be one. */
pid_t bind_check_pid(lua_State *L, int index);

/* Gives the optional timeout at a stack index, in milliseconds; `absent` if there is none. Raises
 * for what is none: negative, or more than an int holds (24 days). */
int bind_opt_timeout(lua_State *L, int index, int absent);

/* Makes a type of userdata with methods and metamethods, unless the state has it already. Both
 * lists end with {NULL, NULL}. */
void bind_make_type(lua_State *L, const char *name, const luaL_Reg methods[],
                    const luaL_Reg meta[]);

#endif
