/* SPDX-License-Identifier: Apache-2.0
 * Where the program finds modules: those of scripts/tiexec and the strategies are compiled into it,
 * others are files. */
#ifndef TIEXEC_MODULES_H
#define TIEXEC_MODULES_H

#include <lua.h>

/* Gives `require` the modules that are compiled in. The package library is open. */
void modules_open(lua_State *L);

/* Sets where Lua looks for modules that are not in the program, by the environment: beside the
 * program in a build tree, else where `make install` puts them; never in the current folder, unless
 * LUA_PATH names it. For a state that was opened without a look at the environment. */
void modules_set_paths(lua_State *L);

#endif
