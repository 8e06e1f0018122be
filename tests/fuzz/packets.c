/* SPDX-License-Identifier: Apache-2.0
 * GDB's remote protocol, as Lua reads it: tests/fuzz/packets.lua is given each input, and raises if
 * anything is not as it must be. That is run from the root of the tree, with LUA_PATH. */
#include "lua/open.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static lua_State *start(void)
{
    lua_State *L = luaL_newstate();
    if (!L)
        abort();
    luaL_openlibs(L);
    luaL_requiref(L, "tiexec.core", luaopen_tiexec_core, 0);
    lua_settop(L, 0);
    if (luaL_dofile(L, "tests/fuzz/packets.lua")) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        abort();
    }
    return L;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static lua_State *L;
    if (!L)
        L = start();
    lua_pushvalue(L, 1);
    lua_pushlstring(L, (const char *)bytes, size);
    if (lua_pcall(L, 1, 0, 0)) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        abort();
    }
    return 0;
}
