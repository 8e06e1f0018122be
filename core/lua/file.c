/* SPDX-License-Identifier: Apache-2.0
 * Whole files, and digests of what was read. */
#include "base/digest.h"
#include "base/file.h"
#include "lua/util.h"

#include <stdlib.h>

/// Reads a file of the kernel's (/proc, /sys) or a regular one. A FIFO is not waited for.
// @function read_file
// @string path
// @int[opt] limit bytes to read at the most: the whole file when absent
// @treturn[1] string
// @treturn[2] nil, message, errno (EAGAIN: a FIFO that has nothing yet; EISDIR: a folder)
static int l_read_file(lua_State *L)
{
    char *data = NULL;
    size_t size = 0;
    const char *path = luaL_checkstring(L, 1);
    lua_Integer limit = luaL_optinteger(L, 2, LUA_MAXINTEGER);
    luaL_argcheck(L, limit >= 0, 2, "a limit is not negative");
    int err = file_read_start(path, (size_t)limit, &data, &size);
    if (err)
        return lua_push_failure(L, path, err);
    lua_pushlstring(L, data, size);
    free(data);
    return 1;
}

/// A 64-bit digest (XXH3) of a string. It tells accidents apart, not attacks.
// @function digest
// @string text
// @treturn string 16 hexadecimal digits
static int l_digest(lua_State *L)
{
    char digest[DIGEST_64_SIZE];
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    digest_64(text, size, digest);
    lua_pushstring(L, digest);
    return 1;
}

void lua_add_file(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"read_file", l_read_file}, {"digest", l_digest}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
