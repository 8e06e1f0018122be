/* SPDX-License-Identifier: Apache-2.0
 * What only trying tells of a host. */
#include "lua/open.h"
#include "lua/util.h"

#include <limits.h>
#include "os/probe.h"

/* Tells whether a number can be the size of a page, or an alignment: it is a power of two. */
static bool is_size(uint64_t value)
{
    return value && value <= INT64_MAX && !(value & (value - 1));
}

/* The field `name` of the table at 1: what fits an int, and is not negative. */
static int check_int_field(lua_State *L, const char *name)
{
    uint64_t value = bind_check_field(L, 1, name, 1);
    luaL_argcheck(L, value <= INT_MAX, 1, name);
    return (int)value;
}

static int chase(lua_State *L, int (*probe)(const struct probe_chase *, struct probe_time *))
{
    struct probe_time time = {0};
    luaL_checktype(L, 1, LUA_TTABLE);
    struct probe_chase what = {
        .pages = bind_check_field(L, 1, "pages", 1),
        .page_size = bind_check_field(L, 1, "page_size", 1),
        .align = bind_check_field(L, 1, "align", 1),
        .flags = check_int_field(L, "flags"),
        .advice = check_int_field(L, "advice"),
        .loads = bind_check_field(L, 1, "loads", 1),
    };
    luaL_argcheck(L, is_size(what.page_size) && is_size(what.align) && what.page_size >= 64, 1,
                  "not a page size");
    luaL_argcheck(L, what.pages > 0 && what.pages <= UINT64_C(1) << 24, 1, "nothing to chase");
    luaL_argcheck(L, what.loads > 0 && what.loads <= INT64_MAX, 1, "nothing to chase");
    int err = probe(&what, &time);
    if (err)
        return bind_push_failure(L, "probe", err);
    lua_pushnumber(L, time.nanoseconds);
    lua_pushinteger(L, (lua_Integer)time.huge_bytes);
    return 2;
}

/// Times a chase of pointers over memory of one kind, which is this process's own.
// @function probe_chase
// @tparam table what integers: `pages` and `page_size` (bytes): one pointer is in each page;
// `align`: the memory begins at a multiple of it; `flags`: added to those of mmap; `advice`: for
// madvise, or 0; `loads`: how many are timed
// @treturn[1] number nanoseconds of one load
// @treturn[1] int bytes of the memory that are on huge pages
// @treturn[2] nil, message, errno
static int l_probe_chase(lua_State *L) { return chase(L, probe_chase); }

/// Times a chain of jumps over memory of one kind: `probe_chase` for instructions.
// @function probe_jumps
// @tparam table what as of `probe_chase`; `loads` is the least number of jumps
// @treturn[1] number nanoseconds of one jump
// @treturn[1] int bytes of the memory that are on huge pages
// @treturn[2] nil, message, errno (ERANGE: 128 MiB or more)
static int l_probe_jumps(lua_State *L) { return chase(L, probe_jumps); }

/// Tries in this process whether a part of a file can be mapped on a huge page.
// @function probe_file
// @string path
// @int offset a multiple of `size`
// @int size of the huge page, bytes
// @treturn[1] int bytes that are on huge pages
// @treturn[2] nil, message, errno
static int l_probe_file(lua_State *L)
{
    uint64_t huge = 0;
    const char *path = luaL_checkstring(L, 1);
    uint64_t offset = bind_check_address(L, 2), size = bind_check_address(L, 3);
    luaL_argcheck(L, is_size(size) && !(offset & (size - 1)), 3, "not a huge page");
    int err = probe_file(path, offset, size, &huge);
    if (err)
        return bind_push_failure(L, path, err);
    lua_pushinteger(L, (lua_Integer)huge);
    return 1;
}

/// Tells whether this process may count processor cycles.
// @function probe_counter
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (ENOENT: there is no counter; EACCES: perf_event_paranoid forbids
// it)
static int l_probe_counter(lua_State *L)
{
    return bind_push_result(L, "perf_event_open", probe_counter());
}

void bind_add_probe(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"probe_chase", l_probe_chase},
        {"probe_jumps", l_probe_jumps},
        {"probe_file", l_probe_file},
        {"probe_counter", l_probe_counter},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
