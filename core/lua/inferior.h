/* SPDX-License-Identifier: Apache-2.0
 * The inferior's userdata type, and its methods. */
#ifndef TIEXEC_LUA_INFERIOR_H
#define TIEXEC_LUA_INFERIOR_H

#include "ptrace/inferior.h"

#include <lauxlib.h>
#include <lua.h>

#define INFERIOR_TYPE "tiexec.inferior"

/* Pushes a new inferior, to be filled. When Lua collects it, what is still traced is let go. */
struct inferior *bind_new_inferior(lua_State *L);

/* Gives the inferior at a stack index. Raises for anything else and for one that is closed. */
struct inferior *bind_check_inferior(lua_State *L, int index);

/* Gives the stopped thread named by the optional integer at `index`, the selected one without it;
 * NULL: there is no such thread, or it runs. */
struct tracee *bind_opt_thread(lua_State *L, int index, struct inferior *inferior);

/* Says why bind_opt_thread has given NULL: -EBUSY or -ESRCH. */
int bind_no_thread(lua_State *L, int index, struct inferior *inferior);

/* Pushes the name of an event_reason; "interrupted" for -1. */
void bind_push_reason(lua_State *L, int reason);

/* Adds methods to the type, which bind_add_inferior has made. `methods` ends with {NULL, NULL}. */
void bind_add_methods(lua_State *L, const luaL_Reg methods[]);

#endif
