/* SPDX-License-Identifier: Apache-2.0
 * Cache files: copies of text in memory-backed files. */
#include "lua/inferior.h"
#include "lua/open.h"
#include "lua/util.h"
#include "os/cache.h"

#include <errno.h>
#include <string.h>

/* Pushes a file descriptor; or nil, message, errno with the reason `why`, if there is one. */
static int push_descriptor(lua_State *L, const char *what, int fd, const char *why)
{
    if (fd >= 0) {
        lua_pushinteger(L, fd);
        return 1;
    }
    lua_pushnil(L);
    lua_pushfstring(L, "%s: %s", what, why ? why : strerror(-fd));
    lua_pushinteger(L, -fd);
    return 3;
}

/// Opens a folder of cache files. It must be this user's or root's, nobody else may write to it,
// and it must lie on tmpfs or hugetlbfs.
// @function cache_open_folder
// @string path
// @bool[opt=false] make it, if it is not there
// @treturn[1] int file descriptor
// @treturn[2] nil, message, errno
static int l_cache_open_folder(lua_State *L)
{
    const char *why, *path = luaL_checkstring(L, 1);
    int fd = cache_open_folder(path, lua_toboolean(L, 2), &why);
    return push_descriptor(L, path, fd, why);
}

/// Opens a finished copy for reading, if nobody but this user and root can have written it.
// @function cache_open
// @int folder file descriptor
// @string name
// @int size bytes that it must have at least
// @treturn[1] int file descriptor
// @treturn[2] nil, message, errno (ENOENT: there is none)
static int l_cache_open(lua_State *L)
{
    const char *why, *name = luaL_checkstring(L, 2);
    int fd = cache_open((int)luaL_checkinteger(L, 1), name, bind_check_address(L, 3), &why);
    return push_descriptor(L, name, fd, why);
}

/// Begins a copy, which no other process makes at the same time.
// @function cache_begin
// @int folder file descriptor
// @string name
// @int timeout milliseconds
// @treturn[1] int file descriptor, for reading and writing
// @treturn[2] nil, message, errno (EEXIST: by now another process has finished it; ETIMEDOUT:
// another is still at it)
static int l_cache_begin(lua_State *L)
{
    const char *name = luaL_checkstring(L, 2);
    int fd = cache_begin((int)luaL_checkinteger(L, 1), name, (int)luaL_checkinteger(L, 3));
    return push_descriptor(L, name, fd, NULL);
}

/// Ends a copy that was begun: it gets its own name.
// @function cache_finish
// @int folder file descriptor
// @string name
// @int fd of the copy
// @int mode its permissions from now on
// @treturn[1] boolean true
// @treturn[2] nil, message, errno
static int l_cache_finish(lua_State *L)
{
    const char *name = luaL_checkstring(L, 2);
    int err = cache_finish((int)luaL_checkinteger(L, 1), name, (int)luaL_checkinteger(L, 3),
                           (unsigned)luaL_checkinteger(L, 4));
    return bind_push_result(L, name, err);
}

/// Removes a copy that was begun.
// @function cache_abandon
// @int folder file descriptor
// @string name
static int l_cache_abandon(lua_State *L)
{
    cache_abandon((int)luaL_checkinteger(L, 1), luaL_checkstring(L, 2));
    return 0;
}

/// Puts bytes into a copy that was begun, outside of what is filled from an inferior.
// @function cache_put
// @int fd of the copy
// @int offset
// @string bytes
// @treturn[1] boolean true
// @treturn[2] nil, message, errno
static int l_cache_put(lua_State *L)
{
    size_t size;
    int fd = (int)luaL_checkinteger(L, 1);
    uint64_t offset = bind_check_address(L, 2);
    const char *bytes = luaL_checklstring(L, 3, &size);
    return bind_push_result(L, "cache_put", cache_put(fd, offset, bytes, size));
}

/* ---- methods of the inferior ---- */

/* Reads the arguments of both methods: the file descriptor at stack index 2, and the range at 3. */
static struct cache_range check_range(lua_State *L)
{
    struct cache_range range = {.fd = (int)luaL_checkinteger(L, 2)};
    luaL_checktype(L, 3, LUA_TTABLE);
    range.start = bind_check_field(L, 3, "start", 3);
    range.size = bind_check_field(L, 3, "stop", 3) - range.start;
    range.offset = bind_check_field(L, 3, "offset", 3);
    range.huge = bind_check_field(L, 3, "huge", 3);
    luaL_argcheck(L, range.huge && !((range.start | range.size | range.offset) & (range.huge - 1)),
                  3, "not whole huge pages");
    lua_getfield(L, 3, "pieces");
    range.pieces = bind_check_ranges(L, lua_gettop(L), &range.count);
    return range;
}

/// Fills a part of a copy that was begun with bytes of this inferior.
// @function inferior:cache_fill
// @local
// @int fd of the copy
// @tparam table range `start` and `stop` in the inferior; `offset` in the file; `huge`: the size of
// a huge page, of which all three are multiples; `pieces`: a list of {start=, stop=}, what is
// mapped there
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (EAGAIN: the kernel has no huge pages for it; ENOSPC, ENOMEM)
static int l_cache_fill(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    struct cache_range range = check_range(L);
    return bind_push_result(L, "cache_fill", cache_fill(&range, inferior));
}

/// Compares a part of a copy with this inferior's bytes.
// @function inferior:cache_compare
// @local
// @int fd of the copy
// @tparam table range as above
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (EILSEQ: they differ)
static int l_cache_compare(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    struct cache_range range = check_range(L);
    return bind_push_result(L, "cache_compare", cache_compare(&range, inferior));
}

void bind_add_cache(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"cache_open_folder", l_cache_open_folder},
        {"cache_open", l_cache_open},
        {"cache_begin", l_cache_begin},
        {"cache_finish", l_cache_finish},
        {"cache_abandon", l_cache_abandon},
        {"cache_put", l_cache_put},
        {NULL, NULL},
    };
    static const luaL_Reg methods[] = {
        {"cache_fill", l_cache_fill},
        {"cache_compare", l_cache_compare},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
    bind_add_methods(L, methods);
}
