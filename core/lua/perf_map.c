/* SPDX-License-Identifier: Apache-2.0
 * Names of functions for profilers. */
#include "elf/perf_map.h"
#include "lua/open.h"
#include "lua/util.h"

#include <stdio.h>

/* Gives the list of texts at a stack index as an array, which is a userdata that is pushed. The
 * strings are the list's. */
static struct perf_map_text *check_texts(lua_State *L, int index, size_t *count)
{
    luaL_checktype(L, index, LUA_TTABLE);
    *count = lua_rawlen(L, index);
    struct perf_map_text *texts = lua_newuserdatauv(L, (*count + 1) * sizeof *texts, 0);
    for (size_t i = 0; i < *count; i++) {
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        luaL_argcheck(L, lua_istable(L, -1), index, "list of tables expected");
        luaL_argcheck(L, lua_getfield(L, -1, "path") == LUA_TSTRING, index, "path");
        texts[i].path = lua_tostring(L, -1);
        lua_pop(L, 1);
        texts[i].start = bind_check_field(L, -1, "start", index);
        texts[i].stop = bind_check_field(L, -1, "stop", index);
        texts[i].bias = bind_check_field(L, -1, "bias", index);
        lua_pop(L, 1);
    }
    return texts;
}

/// Writes /tmp/perf-PID.map, in which profilers find the functions that lie in memory of no file.
// @function perf_map
// @int pid
// @tparam table texts list of {path=, start=, stop=, bias=}: what lies at [start, stop) is text of
// the ELF file `path`, where it has the addresses less `bias`
// @bool[opt=false] append to a file that the process's user has there
// @treturn[1] string the file's name, as the process sees it
// @treturn[2] nil, message, errno (EPERM: another user has put something there)
static int l_perf_map(lua_State *L)
{
    size_t count;
    char name[48];
    pid_t inner = 0, pid = (pid_t)luaL_checkinteger(L, 1);
    bool append = lua_toboolean(L, 3);
    struct perf_map_text *texts = check_texts(L, 2, &count);
    int err = perf_map_write(pid, texts, count, append, &inner);
    snprintf(name, sizeof name, "/tmp/perf-%d.map", (int)inner);
    if (err)
        return bind_push_failure(L, name, err);
    lua_pushstring(L, name);
    return 1;
}

void bind_add_perf_map(lua_State *L)
{
    static const luaL_Reg functions[] = {{"perf_map", l_perf_map}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
