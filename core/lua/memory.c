/* SPDX-License-Identifier: Apache-2.0
 * The inferior's memory. */
#include "base/pages.h"
#include "lua/arena.h"
#include "lua/inferior.h"
#include "lua/open.h"
#include "lua/util.h"
#include "ptrace/match.h"
#include "ptrace/memory.h"

#include <errno.h>

#define KEPT ((size_t)64 << 20) /* the largest buffer that is kept for the next read */

/* A buffer that reads go to, before they become strings. To have one for all of them spares the
 * kernel the giving of fresh pages, which would take longer than the reading. */
static struct {
    char *start;
    size_t size;
} buffer;

static char *get_buffer(size_t size)
{
    if (size > buffer.size) {
        pages_unmap(buffer.start, buffer.size);
        buffer.start = pages_map(size);
        buffer.size = buffer.start ? pages_size(size) : 0;
    }
    return buffer.start;
}

static void release_buffer(void)
{
    if (buffer.size <= KEPT)
        return;
    pages_unmap(buffer.start, buffer.size);
    buffer.start = NULL;
    buffer.size = 0;
}

/// Reads memory into a string. For much memory take a snapshot.
// @function inferior:read_memory
// @int address
// @int size bytes, at most 2 GiB: more raises
// @treturn[1] string
// @treturn[2] nil, message, errno (EFAULT, EIO: some of it is not mapped)
// @usage
// local bytes = inferior:read_memory(inferior:symbol("greeting"), 8)
// print(("%q"):format(bytes)) --> "hello\0\0\0"
// print(inferior:read_memory(16, 8)) --> nil read_memory: Input/output error 5
static int l_read_memory(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    uint64_t address = bind_check_address(L, 2), size = bind_check_address(L, 3);
    luaL_argcheck(L, size <= UINT64_C(1) << 31, 3, "too large for a string: take a snapshot");
    char *bytes = get_buffer(size ? (size_t)size : 1);
    int err = bytes ? memory_read(inferior, address, bytes, (size_t)size) : -ENOMEM;
    if (err)
        return bind_push_failure(L, "read_memory", err);
    lua_pushlstring(L, bytes, (size_t)size); /* if it raises, the buffer stays */
    release_buffer();
    return 1;
}

/// Writes a string to memory, read-only text included. Where Linux 6.12 and later was started with
// proc_mem.force_override=never, what the program itself may not write fails; text on hugetlb pages
// does on kernels from about 6.1 to 6.13.
// @function inferior:write_memory
// @int address
// @string bytes
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (EFAULT, EIO: some of it is not mapped)
// @usage
// inferior:write_memory(inferior:symbol("greeting"), "HE")
// print(inferior:read_string(inferior:symbol("greeting"))) --> HEllo
static int l_write_memory(lua_State *L)
{
    size_t size;
    struct inferior *inferior = bind_check_inferior(L, 1);
    uint64_t address = bind_check_address(L, 2);
    const char *bytes = luaL_checklstring(L, 3, &size);
    return bind_push_result(L, "write_memory", memory_write(inferior, address, bytes, size));
}

/// Finds the first place of a byte string, as GDB's Inferior.search_memory.
// @function inferior:search_memory
// @int address
// @int length bytes to be searched
// @string pattern an empty one raises
// @treturn[1] int its address; nil alone: it is not there
// @treturn[2] nil, message, errno (EFAULT, EIO: some of it is not mapped)
// @usage
// local text = inferior:symbol("greeting")
// print(inferior:search_memory(text, 16, "llo") - text) --> 2
// print(inferior:search_memory(text, 16, "none")) --> nil
static int l_search_memory(lua_State *L)
{
    size_t size;
    uint64_t found;
    struct inferior *inferior = bind_check_inferior(L, 1);
    uint64_t address = bind_check_address(L, 2), length = bind_check_address(L, 3);
    const char *pattern = luaL_checklstring(L, 4, &size);
    luaL_argcheck(L, size > 0, 4, "empty pattern");
    int err = memory_search(inferior, address, length, pattern, size, &found);
    if (err && err != -ENOENT)
        return bind_push_failure(L, "search_memory", err);
    if (err)
        lua_pushnil(L);
    else
        lua_pushinteger(L, (lua_Integer)found);
    return 1;
}

/// Copies memory within the inferior and compares the copy with the original.
// @function inferior:copy_memory
// @int to where the inferior itself must be able to write
// @int from
// @int size bytes
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (EFAULT, EIO: some of it is not mapped; EILSEQ: the copy differs)
// @usage
// local scratch <close> = inferior:scratch(4096)
// inferior:copy_memory(scratch.address, inferior:symbol("greeting"), 16)
// print(inferior:read_string(scratch.address)) --> hello
static int l_copy_memory(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    uint64_t to = bind_check_address(L, 2), from = bind_check_address(L, 3);
    uint64_t size = bind_check_address(L, 4);
    return bind_push_result(L, "copy_memory", memory_copy(inferior, to, from, size));
}

/* Reads the list of chunks at a stack index into `list`. Raises for anything else. */
static void check_chunks(lua_State *L, int index, struct match *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        luaL_argcheck(L, lua_rawgeti(L, index, (lua_Integer)i + 1) == LUA_TTABLE, index,
                      "list of chunks expected");
        list[i].address = bind_check_field(L, lua_gettop(L), "address", index);
        list[i].size = bind_check_field(L, lua_gettop(L), "size", index);
        lua_getfield(L, -1, "digest");
        size_t length = 0;
        const char *digest = lua_tolstring(L, -1, &length);
        luaL_argcheck(L, digest && length < sizeof list[i].digest, index, "digest expected");
        memcpy(list[i].digest, digest, length + 1);
        lua_pop(L, 2);
    }
}

/// Tells whether the inferior has certain bytes, without reading them into Lua.
// @function inferior:has_digests
// @local
// @tparam table list of chunks: `address`, `size` (up to 256 KiB), and `digest`, what `digest`
// gives for the bytes that should be there
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (EILSEQ: some of them are other bytes; EFAULT, EIO: some memory
// is not mapped)
static int l_has_digests(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    size_t count = lua_rawlen(L, 2);
    struct match *list = lua_newuserdatauv(L, count * sizeof *list + 1, 0);
    check_chunks(L, 2, list, count);
    return bind_push_result(L, "has_digests", match_all(inferior, list, count));
}

/// Has this program keep some large blocks of memory that are not needed any more for later use, up
// to 160 MiB. Fresh memory would take longer than what is read into it.
// @function keep_blocks
static int l_keep_blocks(lua_State *L)
{
    (void)L;
    arena_keep_blocks();
    return 0;
}

void bind_add_memory(lua_State *L)
{
    static const luaL_Reg functions[] = {{"keep_blocks", l_keep_blocks}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"read_memory", l_read_memory},
        {"write_memory", l_write_memory},
        {"search_memory", l_search_memory},
        {"copy_memory", l_copy_memory},
        {"has_digests", l_has_digests},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
    bind_add_methods(L, methods);
}
