/* SPDX-License-Identifier: Apache-2.0
 * Snapshots of the inferior's memory. User value 1 of one is the inferior that it was taken of. */
#include "elf/core_file.h"
#include "lua/inferior.h"
#include "lua/open.h"
#include "lua/util.h"
#include "ptrace/differences.h"
#include "ptrace/memory.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SNAPSHOT_TYPE "tiexec.snapshot"

/// Takes the bytes of some ranges as they are now. `#` gives their size in bytes.
// @function inferior:snapshot
// @tparam table ranges list of {start=, stop=}
// @treturn[1] snapshot with `:digest()`, `:verify()`, `:restore()`, `:read(address, size)`,
// `:differences(grain)`, `:save(path)`; may be to-be-closed
// @treturn[2] nil, message, errno (EFAULT, EIO: some of it is not mapped; ENOMEM, EOVERFLOW:
// it is too much)
// @usage
// local data = inferior:symbol("counter")
// local before <close> = inferior:snapshot { { start = data, stop = data + 4 } }
// inferior:call("count", 2)
// print(#before, before:verify() == nil, #before:differences()) --> 4 true 1
// before:restore()
// print(inferior:read_i32(data)) --> 40
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
// @usage
// local data = inferior:symbol("primes")
// local snapshot <close> = inferior:snapshot { { start = data, stop = data + 16 } }
// print(snapshot:digest(), #snapshot:digest()) --> … 32
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
// @usage
// local data = inferior:symbol("primes")
// local snapshot <close> = inferior:snapshot { { start = data, stop = data + 16 } }
// print(snapshot:verify()) --> true
// inferior:write_i32(data + 8, 6)
// local ok, _, errno, address = snapshot:verify()
// print(ok, tiexec.errno_name(errno), address - data) --> nil EILSEQ 8
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
// @treturn[2] nil, message, errno (EFAULT, EIO: some of it is not mapped any more; ESRCH: the
// process has ended)
// @usage
// local data = inferior:symbol("primes")
// local snapshot <close> = inferior:snapshot { { start = data, stop = data + 16 } }
// inferior:write_i32(data, 4)
// snapshot:restore()
// print(inferior:read_i32(data)) --> 2
static int l_snapshot_restore(lua_State *L)
{
    struct inferior *inferior;
    const struct snapshot *snapshot = check_snapshot(L, &inferior);
    return bind_push_result(L, "restore", snapshot_restore(inferior, snapshot));
}

/* Gives the snapshot's bytes of [address, address + size), or NULL: they do not lie in one of its
 * ranges. */
static const char *bytes_at(const struct snapshot *snapshot, uint64_t address, uint64_t size)
{
    const char *bytes = snapshot->bytes;
    for (size_t i = 0; i < snapshot->count; i++) {
        const struct snapshot_range *range = &snapshot->ranges[i];
        uint64_t offset = address - range->address;
        if (address >= range->address && offset <= range->size && size <= range->size - offset)
            return bytes + offset;
        bytes += range->size;
    }
    return NULL;
}

/// Reads bytes as they were.
// @function snapshot:read
// @int address
// @int size bytes
// @treturn[1] string
// @treturn[2] nil, message, errno (EFAULT: they do not all lie in one range of the snapshot)
// @usage
// local data = inferior:symbol("greeting")
// local snapshot <close> = inferior:snapshot { { start = data, stop = data + 16 } }
// inferior:write_string(data, "later")
// print(snapshot:read(data, 5), inferior:read_string(data)) --> hello later
static int l_snapshot_read(lua_State *L)
{
    const struct snapshot *snapshot = check_snapshot(L, NULL);
    uint64_t address = bind_check_address(L, 2), size = bind_check_address(L, 3);
    const char *bytes = bytes_at(snapshot, address, size);
    if (!bytes)
        return bind_push_failure(L, "read", -EFAULT);
    lua_pushlstring(L, bytes, (size_t)size);
    return 1;
}

/// Lists the ranges of memory that are no longer as they were.
// @function snapshot:differences
// @int[opt=1] grain a power of two up to 131072: ranges begin and end at multiples of it, or with
// a range of the snapshot
// @treturn[1] table list of {start=, stop=}, in the order of the snapshot's ranges
// @treturn[2] nil, message, errno (EFAULT, EIO: some of it is not mapped any more)
// @usage
// local data = inferior:symbol("primes")
// local snapshot <close> = inferior:snapshot { { start = data, stop = data + 16 } }
// inferior:write_i32(data + 4, 9)
// for _, range in ipairs(snapshot:differences(4)) do
//     print(range.start - data, range.stop - data) --> 4 8
// end
static int l_snapshot_differences(lua_State *L)
{
    struct inferior *inferior;
    struct differences found;
    lua_Integer grain = luaL_optinteger(L, 2, 1);
    const struct snapshot *snapshot = check_snapshot(L, &inferior);
    luaL_argcheck(L, grain > 0 && grain <= (lua_Integer)MEMORY_PIECE && !(grain & (grain - 1)), 2,
                  "a power of two up to 131072 expected");
    int err = differences_find(inferior, snapshot, (uint64_t)grain, &found);
    if (err)
        return bind_push_failure(L, "differences", err);
    lua_createtable(L, (int)found.count, 0);
    for (size_t i = 0; i < found.count; i++) {
        lua_createtable(L, 0, 2);
        bind_set_integer(L, "start", found.list[i].address);
        bind_set_integer(L, "stop", found.list[i].address + found.list[i].size);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    free(found.list);
    return 1;
}

/* A core_reader. The segments are the snapshot's ranges. */
static int read_saved(void *context, uint64_t address, void *buffer, size_t size, bool sparse)
{
    const char *bytes = bytes_at(context, address, size);
    (void)sparse;
    if (!bytes)
        return -EFAULT;
    memcpy(buffer, bytes, size);
    return 0;
}

/// Writes the bytes to a file: a core file without registers, in which gdb reads memory.
// @function snapshot:save
// @string path the file has mode 600; it is replaced if it is there
// @treturn[1] boolean true
// @treturn[2] nil, message, errno; then there is no file
// @usage
// local data = inferior:symbol("greeting")
// local snapshot <close> = inferior:snapshot { { start = data, stop = data + 16 } }
// snapshot:save("before.core")
// os.execute(("gdb -batch -ex 'x/s %#x' --core before.core 2>&1 | tail -1"):format(data))
// --> 0x…: "hello"
static int l_snapshot_save(lua_State *L)
{
    struct snapshot *snapshot = check_snapshot(L, NULL);
    const char *path = luaL_checkstring(L, 2);
    struct core_segment *list =
        lua_newuserdatauv(L, (snapshot->count + 1) * sizeof *list, 0);
    for (size_t i = 0; i < snapshot->count; i++)
        list[i] = (struct core_segment){.address = snapshot->ranges[i].address,
                                        .size = snapshot->ranges[i].size,
                                        .dumped = snapshot->ranges[i].size,
                                        .flags = PF_R};
    const struct core_contents contents = {"", 0, list, snapshot->count, read_saved, snapshot};
    return bind_push_result(L, path, core_file_write(path, &contents));
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
        {"read", l_snapshot_read},
        {"differences", l_snapshot_differences},
        {"save", l_snapshot_save},
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
