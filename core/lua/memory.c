/* SPDX-License-Identifier: Apache-2.0
 * The inferior's memory, and snapshots of it. */
#include "lua/util.h"
#include "ptrace/memory.h"
#include "ptrace/snapshot.h"

#include <errno.h>
#include <stdlib.h>

#define SNAPSHOT_TYPE "tiexec.snapshot"

/// Reads memory into a string. For much memory take a snapshot.
// @function inferior:read_memory
// @int address
// @int size bytes
static int l_read_memory(lua_State *L)
{
    struct inferior *inferior = lua_check_inferior(L, 1);
    uint64_t address = lua_check_address(L, 2), size = lua_check_address(L, 3);
    luaL_argcheck(L, size <= UINT64_C(1) << 31, 3, "too large for a string: take a snapshot");
    luaL_Buffer buffer;
    char *bytes = luaL_buffinitsize(L, &buffer, size);
    int err = memory_read(inferior, address, bytes, size);
    if (err)
        return lua_push_failure(L, "read_memory", err);
    luaL_pushresultsize(&buffer, size);
    return 1;
}

/// Writes a string to memory, read-only text included.
// @function inferior:write_memory
// @int address
// @string bytes
static int l_write_memory(lua_State *L)
{
    size_t size;
    struct inferior *inferior = lua_check_inferior(L, 1);
    uint64_t address = lua_check_address(L, 2);
    const char *bytes = luaL_checklstring(L, 3, &size);
    return lua_push_result(L, "write_memory", memory_write(inferior, address, bytes, size));
}

/// Finds the first place of a byte string, as GDB's Inferior.search_memory.
// @function inferior:search_memory
// @int address
// @int length bytes to search
// @string pattern
// @treturn[1] integer its address; nil alone when it is not there
// @treturn[2] nil, message, errno
static int l_search_memory(lua_State *L)
{
    size_t size;
    uint64_t found;
    struct inferior *inferior = lua_check_inferior(L, 1);
    uint64_t address = lua_check_address(L, 2), length = lua_check_address(L, 3);
    const char *pattern = luaL_checklstring(L, 4, &size);
    luaL_argcheck(L, size > 0, 4, "empty pattern");
    int err = memory_search(inferior, address, length, pattern, size, &found);
    if (err && err != -ENOENT)
        return lua_push_failure(L, "search_memory", err);
    if (err)
        lua_pushnil(L);
    else
        lua_pushinteger(L, (lua_Integer)found);
    return 1;
}

/// Copies memory within the inferior and compares the copy with the original.
// @function inferior:copy_memory
// @int to must be writable
// @int from
// @int size bytes
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (EILSEQ: the copy differs)
static int l_copy_memory(lua_State *L)
{
    struct inferior *inferior = lua_check_inferior(L, 1);
    uint64_t to = lua_check_address(L, 2), from = lua_check_address(L, 3);
    uint64_t size = lua_check_address(L, 4);
    return lua_push_result(L, "copy_memory", memory_copy(inferior, to, from, size));
}

/* ---- snapshots: user value 1 is the inferior they were taken of ---- */

struct snapshot_range *lua_check_ranges(lua_State *L, int index, size_t *count)
{
    luaL_checktype(L, index, LUA_TTABLE);
    *count = lua_rawlen(L, index);
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

/// Takes the bytes of some ranges as they are now. `#` gives their size.
// @function inferior:snapshot
// @tparam table ranges list of {start=, stop=}
// @treturn[1] snapshot with `:digest()`, `:verify()`, `:restore()`; may be to-be-closed
// @treturn[2] nil, message, errno
static int l_snapshot(lua_State *L)
{
    size_t count;
    struct inferior *inferior = lua_check_inferior(L, 1);
    const struct snapshot_range *ranges = lua_check_ranges(L, 2, &count);
    struct snapshot *snapshot = lua_newuserdatauv(L, sizeof *snapshot, 1);
    *snapshot = (struct snapshot){0};
    luaL_setmetatable(L, SNAPSHOT_TYPE);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    int err = snapshot_take(inferior, ranges, count, snapshot);
    return err ? lua_push_failure(L, "snapshot", err) : 1;
}

static struct snapshot *check_snapshot(lua_State *L, struct inferior **inferior)
{
    struct snapshot *snapshot = luaL_checkudata(L, 1, SNAPSHOT_TYPE);
    luaL_argcheck(L, snapshot->bytes, 1, "snapshot is closed");
    if (inferior) {
        lua_getiuservalue(L, 1, 1);
        *inferior = lua_check_inferior(L, -1);
    }
    return snapshot;
}

static int l_snapshot_digest(lua_State *L)
{
    char digest[DIGEST_128_SIZE];
    snapshot_digest(check_snapshot(L, NULL), digest);
    lua_pushstring(L, digest);
    return 1;
}

/* true; or nil, message, errno, address: the first byte that differs */
static int l_snapshot_verify(lua_State *L)
{
    struct inferior *inferior;
    uint64_t address = 0;
    const struct snapshot *snapshot = check_snapshot(L, &inferior);
    int err = snapshot_verify(inferior, snapshot, &address);
    int pushed = lua_push_result(L, "verify", err);
    if (err != -EILSEQ)
        return pushed;
    lua_pushinteger(L, (lua_Integer)address);
    return pushed + 1;
}

static int l_snapshot_restore(lua_State *L)
{
    struct inferior *inferior;
    const struct snapshot *snapshot = check_snapshot(L, &inferior);
    return lua_push_result(L, "restore", snapshot_restore(inferior, snapshot));
}

static int l_snapshot_size(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)check_snapshot(L, NULL)->size);
    return 1;
}

static int l_snapshot_close(lua_State *L)
{
    snapshot_free(luaL_checkudata(L, 1, SNAPSHOT_TYPE));
    return 0;
}

static void make_snapshot_type(lua_State *L)
{
    static const luaL_Reg methods[] = {{"digest", l_snapshot_digest},
                                       {"verify", l_snapshot_verify},
                                       {"restore", l_snapshot_restore},
                                       {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__len", l_snapshot_size},
                                    {"__gc", l_snapshot_close},
                                    {"__close", l_snapshot_close},
                                    {NULL, NULL}};
    if (luaL_newmetatable(L, SNAPSHOT_TYPE)) {
        luaL_setfuncs(L, meta, 0);
        luaL_newlib(L, methods);
        lua_setfield(L, -2, "__index");
    }
    lua_pop(L, 1);
}

void lua_add_memory_methods(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"read_memory", l_read_memory},     {"write_memory", l_write_memory},
        {"search_memory", l_search_memory}, {"copy_memory", l_copy_memory},
        {"snapshot", l_snapshot},           {NULL, NULL}};
    luaL_setfuncs(L, methods, 0);
    make_snapshot_type(L);
}
