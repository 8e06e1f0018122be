/* SPDX-License-Identifier: Apache-2.0
 * Streams as Lua has them. */
#ifndef TIEXEC_LUA_STREAM_H
#define TIEXEC_LUA_STREAM_H

#include <lauxlib.h>
#include <lua.h>

/* Gives the descriptor from which the stream at a stack index is read; -1: there is none at that
 * index. Raises for anything else, and for one that is closed. */
int bind_opt_stream(lua_State *L, int index);

#endif
