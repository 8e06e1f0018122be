/* SPDX-License-Identifier: Apache-2.0 */
#include "lua/util.h"

#include <errno.h>
#include <string.h>

int lua_push_failure(lua_State *L, const char *what, int err)
{
    const char *message = err == -EILSEQ ? "bytes differ" : strerror(-err);
    lua_pushnil(L);
    if (what)
        lua_pushfstring(L, "%s: %s", what, message);
    else
        lua_pushstring(L, message);
    lua_pushinteger(L, -err);
    return 3;
}

int lua_push_result(lua_State *L, const char *what, int err)
{
    if (err)
        return lua_push_failure(L, what, err);
    lua_pushboolean(L, 1);
    return 1;
}

void lua_set_integer(lua_State *L, const char *name, uint64_t value)
{
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, name);
}

void lua_set_string(lua_State *L, const char *name, const char *value)
{
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
}

void lua_set_boolean(lua_State *L, const char *name, bool value)
{
    lua_pushboolean(L, value);
    lua_setfield(L, -2, name);
}

uint64_t lua_check_address(lua_State *L, int index)
{
    luaL_argexpected(L, lua_isinteger(L, index), index, "integer");
    return (uint64_t)lua_tointeger(L, index);
}

char **lua_check_argv(lua_State *L, int index)
{
    luaL_checktype(L, index, LUA_TTABLE);
    size_t count = lua_rawlen(L, index);
    luaL_argcheck(L, count > 0, index, "empty list");
    char **argv = lua_newuserdatauv(L, (count + 1) * sizeof *argv, 0);
    for (size_t i = 0; i < count; i++) {
        if (lua_rawgeti(L, index, (lua_Integer)i + 1) != LUA_TSTRING)
            luaL_argerror(L, index, "list of strings expected");
        argv[i] = (char *)(uintptr_t)lua_tostring(L, -1);
        lua_pop(L, 1); /* the list keeps it */
    }
    argv[count] = NULL;
    return argv;
}

/* Idempotent: busted loads the module anew for each file, in one state. */
int luaopen_tiexec_core(lua_State *L)
{
    lua_newtable(L);
    lua_add_cache(L);
    lua_add_constants(L);
    lua_add_file(L);
    lua_add_host(L);
    lua_add_identity(L);
    lua_add_image(L);
    lua_add_inferior(L);
    lua_add_launch(L);
    lua_add_probe(L);
    lua_add_process(L);
    lua_add_system(L);
    lua_add_watch(L);
    return 1;
}
