/* SPDX-License-Identifier: Apache-2.0 */
#include "os/cache.h"
#include "lua/util.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

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

/// Opens a folder of cache files. It must be this user's or root's, not writable by others, in memory.
// @function cache_open_folder
// @string path
// @bool[opt] make it, if it is not there
// @treturn[1] integer file descriptor
// @treturn[2] nil, message, errno
static int l_cache_open_folder(lua_State *L)
{
    const char *why, *path = luaL_checkstring(L, 1);
    int fd = cache_open_folder(path, lua_toboolean(L, 2), &why);
    return push_descriptor(L, path, fd, why);
}

/// Opens a finished copy for reading, if it can be trusted to be this user's or root's own.
// @function cache_open
// @int folder
// @string name
// @int size bytes that it must have at least
// @treturn[1] integer file descriptor
// @treturn[2] nil, message, errno (ENOENT: there is none)
static int l_cache_open(lua_State *L)
{
    const char *why, *name = luaL_checkstring(L, 2);
    int fd = cache_open((int)luaL_checkinteger(L, 1), name, lua_check_address(L, 3), &why);
    return push_descriptor(L, name, fd, why);
}

/// Begins a copy that no other process makes at the same time.
// @function cache_begin
// @int folder
// @string name
// @int timeout milliseconds
// @treturn[1] integer file descriptor, for reading and writing
// @treturn[2] nil, message, errno (EEXIST: by now it is finished; ETIMEDOUT: another is still at it)
static int l_cache_begin(lua_State *L)
{
    const char *name = luaL_checkstring(L, 2);
    int fd = cache_begin((int)luaL_checkinteger(L, 1), name, (int)luaL_checkinteger(L, 3));
    return push_descriptor(L, name, fd, NULL);
}

/// Ends a copy: read-only, and under its own name.
// @function cache_finish
// @int folder
// @string name
// @int fd
// @int mode permissions
static int l_cache_finish(lua_State *L)
{
    const char *name = luaL_checkstring(L, 2);
    int err = cache_finish((int)luaL_checkinteger(L, 1), name, (int)luaL_checkinteger(L, 3),
                           (unsigned)luaL_checkinteger(L, 4));
    return lua_push_result(L, name, err);
}

/// Removes a copy that was begun.
// @function cache_abandon
// @int folder
// @string name
static int l_cache_abandon(lua_State *L)
{
    cache_abandon((int)luaL_checkinteger(L, 1), luaL_checkstring(L, 2));
    return 0;
}

/// Puts bytes into a copy that was begun, outside of what is filled.
// @function cache_put
// @int fd
// @int offset
// @string bytes
static int l_cache_put(lua_State *L)
{
    size_t size;
    int fd = (int)luaL_checkinteger(L, 1);
    uint64_t offset = lua_check_address(L, 2);
    const char *bytes = luaL_checklstring(L, 3, &size);
    return lua_push_result(L, "cache_put", cache_put(fd, offset, bytes, size));
}

static int64_t nanoseconds(const struct timespec *t)
{
    return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

/// What stat(2) tells of a file.
// @function stat
// @string path
// @bool[opt] link tell of a symbolic link itself
// @treturn[1] table `device`, `inode`, `size`, `mtime` (nanoseconds), `mode`, `uid`, `allocated` bytes
// @treturn[2] nil, message, errno
static int l_stat(lua_State *L)
{
    struct stat st;
    const char *path = luaL_checkstring(L, 1);
    if ((lua_toboolean(L, 2) ? lstat(path, &st) : stat(path, &st)) < 0)
        return lua_push_failure(L, path, -errno);
    lua_createtable(L, 0, 7);
    lua_set_integer(L, "device", st.st_dev);
    lua_set_integer(L, "inode", st.st_ino);
    lua_set_integer(L, "size", (uint64_t)st.st_size);
    lua_set_integer(L, "mtime", (uint64_t)nanoseconds(&st.st_mtim));
    lua_set_integer(L, "mode", st.st_mode);
    lua_set_integer(L, "uid", st.st_uid);
    lua_set_integer(L, "allocated", (uint64_t)st.st_blocks * 512);
    return 1;
}

void lua_add_cache(lua_State *L)
{
    static const luaL_Reg functions[] = {{"cache_open_folder", l_cache_open_folder},
                                         {"cache_open", l_cache_open},
                                         {"cache_begin", l_cache_begin},
                                         {"cache_finish", l_cache_finish},
                                         {"cache_abandon", l_cache_abandon},
                                         {"cache_put", l_cache_put},
                                         {"stat", l_stat},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}

/* ---- methods of the inferior: (fd, range), range = {start, stop, offset, huge, pieces} ---- */

static uint64_t check_field(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);
    if (!lua_isinteger(L, -1))
        luaL_argerror(L, index, lua_pushfstring(L, "field '%s' is not an integer", name));
    uint64_t value = (uint64_t)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return value;
}

static struct cache_range check_range(lua_State *L)
{
    struct cache_range range = {.fd = (int)luaL_checkinteger(L, 2)};
    luaL_checktype(L, 3, LUA_TTABLE);
    range.start = check_field(L, 3, "start");
    range.size = check_field(L, 3, "stop") - range.start;
    range.offset = check_field(L, 3, "offset");
    range.huge = check_field(L, 3, "huge");
    luaL_argcheck(L, range.huge && !((range.start | range.size | range.offset) & (range.huge - 1)),
                  3, "not whole huge pages");
    lua_getfield(L, 3, "pieces");
    range.pieces = lua_check_ranges(L, lua_gettop(L), &range.count);
    return range;
}

/// Fills a copy that was begun with bytes of this inferior.
// @function inferior:cache_fill
// @int fd
// @tparam table range `start`, `stop`; `offset` in the file; `huge`, the page's size; `pieces`, a list
// of {start=, stop=}: what is mapped there
static int l_cache_fill(lua_State *L)
{
    struct inferior *inferior = lua_check_inferior(L, 1);
    struct cache_range range = check_range(L);
    return lua_push_result(L, "cache_fill", cache_fill(&range, inferior));
}

/// Compares a copy with this inferior's bytes.
// @function inferior:cache_compare
// @int fd
// @tparam table range as above
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (EILSEQ: they differ)
static int l_cache_compare(lua_State *L)
{
    struct inferior *inferior = lua_check_inferior(L, 1);
    struct cache_range range = check_range(L);
    return lua_push_result(L, "cache_compare", cache_compare(&range, inferior));
}

void lua_add_cache_methods(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"cache_fill", l_cache_fill}, {"cache_compare", l_cache_compare}, {NULL, NULL}};
    luaL_setfuncs(L, methods, 0);
}
