/* SPDX-License-Identifier: Apache-2.0 */
#include "lua/util.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static int push_failure(lua_State *L, const char *what, const char *message, int number)
{
    lua_pushnil(L);
    if (what)
        lua_pushfstring(L, "%s: %s", what, message);
    else
        lua_pushstring(L, message);
    lua_pushinteger(L, number);
    return 3;
}

int bind_push_failure(lua_State *L, const char *what, int err)
{
    const char *message = err == -EILSEQ  ? "bytes differ"
                          : err == -EBUSY ? "the thread is running"
                                          : strerror(-err);
    return push_failure(L, what, message, -err);
}

int bind_push_errno(lua_State *L, const char *what, int number)
{
    return push_failure(L, what, strerror(number), number);
}

int bind_push_result(lua_State *L, const char *what, int err)
{
    if (err)
        return bind_push_failure(L, what, err);
    lua_pushboolean(L, 1);
    return 1;
}

void bind_set_integer(lua_State *L, const char *name, uint64_t value)
{
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, name);
}

void bind_set_string(lua_State *L, const char *name, const char *value)
{
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
}

void bind_set_boolean(lua_State *L, const char *name, bool value)
{
    lua_pushboolean(L, value);
    lua_setfield(L, -2, name);
}

uint64_t bind_check_address(lua_State *L, int index)
{
    luaL_argexpected(L, lua_isinteger(L, index), index, "integer");
    return (uint64_t)lua_tointeger(L, index);
}

uint64_t bind_check_field(lua_State *L, int index, const char *name, int argument)
{
    lua_getfield(L, index, name);
    if (!lua_isinteger(L, -1))
        luaL_argerror(L, argument, lua_pushfstring(L, "field '%s' is not an integer", name));
    uint64_t value = (uint64_t)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return value;
}

char **bind_check_argv(lua_State *L, int index)
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

struct snapshot_range *bind_check_ranges(lua_State *L, int index, size_t *count)
{
    luaL_checktype(L, index, LUA_TTABLE);
    *count = lua_rawlen(L, index);
    luaL_argcheck(L, *count < SIZE_MAX / sizeof(struct snapshot_range) - 1, index, "too long");
    struct snapshot_range *ranges = lua_newuserdatauv(L, (*count + 1) * sizeof *ranges, 0);
    for (size_t i = 0; i < *count; i++) {
        if (lua_rawgeti(L, index, (lua_Integer)i + 1) != LUA_TTABLE)
            luaL_argerror(L, index, "list of {start=, stop=} expected");
        lua_getfield(L, -1, "start");
        lua_getfield(L, -2, "stop");
        if (!lua_isinteger(L, -2) || !lua_isinteger(L, -1))
            luaL_argerror(L, index, "start and stop must be integers");
        uint64_t start = (uint64_t)lua_tointeger(L, -2), stop = (uint64_t)lua_tointeger(L, -1);
        luaL_argcheck(L, start <= stop, index, "stop is before start");
        ranges[i] = (struct snapshot_range){start, stop - start};
        lua_pop(L, 3);
    }
    return ranges;
}

pid_t bind_check_pid(lua_State *L, int index)
{
    lua_Integer pid = luaL_checkinteger(L, index);
    luaL_argcheck(L, pid > 0 && pid <= 0x7fffffff, index, "not a process id");
    return (pid_t)pid;
}

int bind_opt_timeout(lua_State *L, int index, int absent)
{
    if (lua_isnoneornil(L, index))
        return absent;
    lua_Integer timeout = luaL_checkinteger(L, index);
    luaL_argcheck(L, timeout >= 0 && timeout <= INT_MAX, index, "not a number of milliseconds");
    return (int)timeout;
}

void bind_make_type(lua_State *L, const char *name, const luaL_Reg methods[],
                    const luaL_Reg meta[])
{
    if (luaL_newmetatable(L, name)) {
        luaL_setfuncs(L, meta, 0);
        lua_newtable(L);
        luaL_setfuncs(L, methods, 0);
        lua_setfield(L, -2, "__index");
    }
    lua_pop(L, 1);
}
