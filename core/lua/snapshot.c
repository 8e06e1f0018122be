/* SPDX-License-Identifier: Apache-2.0
 * Snapshots of the inferior's memory. User value 1 of one is the inferior that it was taken of. */
#include "lua/inferior.h"
#include "lua/open.h"
#include "lua/util.h"
#include "ptrace/snapshot.h"

#include <errno.h>

#define SNAPSHOT_TYPE "tiexec.snapshot"

/// Takes the bytes of some ranges as they are now. `#` gives their size in bytes.
// @function inferior:snapshot
// @tparam table ranges list of {start=, stop=}
// @treturn[1] snapshot with `:digest()`, `:verify()`, `:restore()`; may be to-be-closed
// @treturn[2] nil, message, errno (EFAULT, EIO: some of it is not mapped; ENOMEM, EOVERFLOW:
// it is too much)
static int l_snapshot(lua_State *L)
{
    size_t count;
    struct inferior *inferior = bind_check_inferior(L, 1);
    const struct snapshot_range *ranges = bind_check_ranges(L, 2, &count);
    struct snapshot *snapshot = lua_newuserdatauv(L, sizeof *snapshot, 1);
    *snapshot = (struct snapshot){0};
    luaL_setmetatable(L, SNAPSHOT_TYPE);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    int err = snapshot_take(inferior, ranges, count, snapshot);
    return err ? bind_push_failure(L, "snapshot", err) : 1;
}

static struct snapshot *check_snapshot(lua_State *L, struct inferior **inferior)
{
    struct snapshot *snapshot = luaL_checkudata(L, 1, SNAPSHOT_TYPE);
    luaL_argcheck(L, snapshot->bytes, 1, "snapshot is closed");
    if (inferior) {
        lua_getiuservalue(L, 1, 1);
        *inferior = bind_check_inferior(L, -1);
    }
    return snapshot;
}

/// A digest of the bytes and of where they stood.
// @function snapshot:digest
// @treturn string 32 hexadecimal digits
static int l_snapshot_digest(lua_State *L)
{
    char digest[DIGEST_128_SIZE];
    snapshot_digest(check_snapshot(L, NULL), digest);
    lua_pushstring(L, digest);
    return 1;
}

/// Compares the bytes with memory as it is now.
// @function snapshot:verify
// @treturn[1] boolean true
// @treturn[2] nil, message, errno; and, with EILSEQ, the address of the first byte that differs
static int l_snapshot_verify(lua_State *L)
{
    struct inferior *inferior;
    uint64_t address = 0;
    const struct snapshot *snapshot = check_snapshot(L, &inferior);
    int err = snapshot_verify(inferior, snapshot, &address);
    int pushed = bind_push_result(L, "verify", err);
    if (err != -EILSEQ)
        return pushed;
    lua_pushinteger(L, (lua_Integer)address);
    return pushed + 1;
}

/// Writes back the pages that differ.
// @function snapshot:restore
// @treturn[1] boolean true
// @treturn[2] nil, message, errno
static int l_snapshot_restore(lua_State *L)
{
    struct inferior *inferior;
    const struct snapshot *snapshot = check_snapshot(L, &inferior);
    return bind_push_result(L, "restore", snapshot_restore(inferior, snapshot));
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

void bind_add_snapshot(lua_State *L)
{
    static const luaL_Reg inferior_methods[] = {{"snapshot", l_snapshot}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"digest", l_snapshot_digest},
        {"verify", l_snapshot_verify},
        {"restore", l_snapshot_restore},
        {NULL, NULL},
    };
    static const luaL_Reg meta[] = {
        {"__len", l_snapshot_size},
        {"__gc", l_snapshot_close},
        {"__close", l_snapshot_close},
        {NULL, NULL},
    };
    bind_add_methods(L, inferior_methods);
    bind_make_type(L, SNAPSHOT_TYPE, methods, meta);
}
