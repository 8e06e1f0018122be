/* SPDX-License-Identifier: Apache-2.0 */
#include "lua/util.h"
#include "os/probe.h"

static uint64_t check_field(lua_State *L, const char *name)
{
    lua_getfield(L, 1, name);
    if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 0)
        luaL_argerror(L, 1, lua_pushfstring(L, "field '%s' is not a size", name));
    uint64_t value = (uint64_t)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return value;
}

static bool is_power(uint64_t value) { return value && !(value & (value - 1)); }

/// Times a chase of pointers over memory of one kind, which is this process's own.
// @function probe_chase
// @tparam table what `pages` and `page_size`: one pointer in each; `align` of the memory; `flags` added to
// those of mmap; `advice` for madvise, or 0; `loads`: how many to time
// @treturn[1] number nanoseconds for each load
// @treturn[1] int bytes of the memory that are on huge pages
// @treturn[2] nil, message, errno
static int l_probe_chase(lua_State *L)
{
    struct probe_time time = {0};
    luaL_checktype(L, 1, LUA_TTABLE);
    struct probe_chase chase = {
        .pages = check_field(L, "pages"),
        .page_size = check_field(L, "page_size"),
        .align = check_field(L, "align"),
        .flags = (int)check_field(L, "flags"),
        .advice = (int)check_field(L, "advice"),
        .loads = check_field(L, "loads"),
    };
    luaL_argcheck(L, is_power(chase.page_size) && is_power(chase.align) && chase.page_size >= 64, 1, "not a page size");
    luaL_argcheck(L, chase.pages > 0 && chase.pages <= UINT64_C(1) << 24 && chase.loads > 0, 1, "nothing to chase");
    int err = probe_chase(&chase, &time);
    if (err)
        return lua_push_failure(L, "probe", err);
    lua_pushnumber(L, time.nanoseconds);
    lua_pushinteger(L, (lua_Integer)time.huge_bytes);
    return 2;
}

/// Whether a part of a file can be mapped on a huge page, found out by doing so in this process.
// @function probe_file
// @string path
// @int offset a multiple of size
// @int size of a huge page
// @treturn[1] int bytes on huge pages
// @treturn[2] nil, message, errno
static int l_probe_file(lua_State *L)
{
    uint64_t huge = 0;
    const char *path = luaL_checkstring(L, 1);
    uint64_t offset = lua_check_address(L, 2), size = lua_check_address(L, 3);
    luaL_argcheck(L, is_power(size) && !(offset & (size - 1)), 3, "not a huge page");
    int err = probe_file(path, offset, size, &huge);
    if (err)
        return lua_push_failure(L, path, err);
    lua_pushinteger(L, (lua_Integer)huge);
    return 1;
}

/// Whether this process may count processor cycles.
// @function probe_counter
// @treturn[1] true
// @treturn[2] nil, message, errno (ENOENT: there is no counter; EACCES: perf_event_paranoid)
static int l_probe_counter(lua_State *L) { return lua_push_result(L, "perf_event_open", probe_counter()); }

void lua_add_probe(lua_State *L)
{
    static const luaL_Reg functions[] = {{"probe_chase", l_probe_chase},
                                         {"probe_file", l_probe_file},
                                         {"probe_counter", l_probe_counter},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
