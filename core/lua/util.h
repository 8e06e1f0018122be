/* SPDX-License-Identifier: Apache-2.0
 * The Lua 5.4 bindings: what their files share.
 *
 * A binding reads all its arguments, does its work without a lua_ call, then pushes results. What the
 * kernel or the inferior refuses returns nil, message, errno; misuse raises. */
#ifndef TIEXEC_LUA_CORE_H
#define TIEXEC_LUA_CORE_H

#include "ptrace/inferior.h"
#include "ptrace/snapshot.h"

#include <lauxlib.h>
#include <lua.h>

#define INFERIOR_TYPE "tiexec.inferior"

__attribute__((visibility("default"))) int luaopen_tiexec_core(lua_State *L);

/* Each adds its functions to the table on top of the stack. */
void lua_add_cache(lua_State *L);
void lua_add_constants(lua_State *L);
void lua_add_file(lua_State *L);
void lua_add_host(lua_State *L);
void lua_add_identity(lua_State *L);
void lua_add_image(lua_State *L);
void lua_add_inferior(lua_State *L);
void lua_add_launch(lua_State *L);
void lua_add_probe(lua_State *L);
void lua_add_process(lua_State *L);
void lua_add_system(lua_State *L);
void lua_add_watch(lua_State *L);

/* Add methods to the inferior's method table, on top of the stack. */
void lua_add_memory_methods(lua_State *L);
void lua_add_register_methods(lua_State *L);
void lua_add_breakpoint_methods(lua_State *L);
void lua_add_cache_methods(lua_State *L);

/* Pushes nil, "what: message", errno for a core function's negative result; `what` may be NULL.
 * Returns 3, as a binding does. */
int lua_push_failure(lua_State *L, const char *what, int err);

/* Pushes true for 0, else a failure. */
int lua_push_result(lua_State *L, const char *what, int err);

/* Sets a field of the table on top of the stack. */
void lua_set_integer(lua_State *L, const char *name, uint64_t value);
void lua_set_string(lua_State *L, const char *name, const char *value);
void lua_set_boolean(lua_State *L, const char *name, bool value);

/* The inferior at a stack index; raises for anything else and for one that is closed. */
struct inferior *lua_check_inferior(lua_State *L, int index);

/* The stopped thread named by the optional integer at `index`; NULL when there is none. */
struct tracee *lua_opt_thread(lua_State *L, int index, struct inferior *inferior);

/* A new inferior object on top of the stack, zeroed, to be filled. */
struct inferior *lua_new_inferior(lua_State *L);

/* An address or size: an integer, never a float, so that none is rounded. */
uint64_t lua_check_address(lua_State *L, int index);

/* A list of strings at `index` as argv: NULL at its end; the strings belong to Lua, which keeps the
 * array itself as a userdata on top of the stack. Raises for anything else in the list. */
char **lua_check_argv(lua_State *L, int index);

/* A list of {start=, stop=} at `index`. Lua keeps the array as a userdata on top of the stack. */
struct snapshot_range *lua_check_ranges(lua_State *L, int index, size_t *count);

#endif
