/* SPDX-License-Identifier: Apache-2.0
 * Bytes as GDB's remote protocol has them: what would take long in Lua. */
#include "lua/open.h"
#include "lua/util.h"

#include <string.h>

/// Writes bytes in hexadecimal.
// @function hex
// @string bytes
// @treturn string
static int l_hex(lua_State *L)
{
    static const char digits[] = "0123456789abcdef";
    size_t size;
    luaL_Buffer buffer;
    const char *bytes = luaL_checklstring(L, 1, &size);
    luaL_argcheck(L, size < SIZE_MAX / 4, 1, "too long");
    char *to = luaL_buffinitsize(L, &buffer, 2 * size);
    for (size_t i = 0; i < size; i++) {
        *to++ = digits[(unsigned char)bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
    luaL_pushresultsize(&buffer, 2 * size);
    return 1;
}

/* The value of a digit; -1: it is none. */
static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// Reads bytes that are written in hexadecimal.
// @function unhex
// @string text
// @treturn ?string nil: it is not hexadecimal
static int l_unhex(lua_State *L)
{
    size_t size, i = 0;
    luaL_Buffer buffer;
    const char *text = luaL_checklstring(L, 1, &size);
    char *to = luaL_buffinitsize(L, &buffer, size / 2);
    for (; i + 1 < size; i += 2) {
        int high = digit(text[i]), low = digit(text[i + 1]);
        if (high < 0 || low < 0)
            break;
        to[i / 2] = (char)(high << 4 | low);
    }
    luaL_pushresultsize(&buffer, i / 2);
    if (i != size)
        lua_pushnil(L);
    return 1;
}

/// The sum of bytes, modulo 256.
// @function checksum
// @string bytes
// @treturn int
static int l_checksum(lua_State *L)
{
    size_t size;
    unsigned sum = 0;
    const char *bytes = luaL_checklstring(L, 1, &size);
    for (size_t i = 0; i < size; i++)
        sum += (unsigned char)bytes[i];
    lua_pushinteger(L, sum & 0xff);
    return 1;
}

#define RUN_MIN  3  /* repeats that are worth writing as a run */
#define RUN_MAX  97 /* the character for more is not printable */
#define RUN_BASE 29 /* added to the number of repeats */

/* How many of `repeats` are written as one run: its character may be neither '#' nor '$'. */
static size_t run_size(size_t repeats)
{
    size_t n = repeats < RUN_MAX ? repeats : RUN_MAX;
    return n + RUN_BASE == '#' || n + RUN_BASE == '$' ? '#' - RUN_BASE - 1 : n;
}

/// Writes runs of one character as the character, `*`, and a character for how many more there are.
// @function shorten
// @string payload in which a `*` that means itself is escaped
// @treturn string
static int l_shorten(lua_State *L)
{
    size_t size, used = 0;
    luaL_Buffer buffer;
    const char *from = luaL_checklstring(L, 1, &size);
    char *to = luaL_buffinitsize(L, &buffer, size);
    for (size_t i = 0; i < size;) {
        size_t repeats = 0;
        while (i + repeats + 1 < size && from[i + repeats + 1] == from[i])
            repeats++;
        to[used++] = from[i++];
        while (repeats >= RUN_MIN) {
            size_t n = run_size(repeats);
            to[used++] = '*';
            to[used++] = (char)(n + RUN_BASE);
            i += n;
            repeats -= n;
        }
    }
    luaL_pushresultsize(&buffer, used);
    return 1;
}

void bind_add_packets(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"hex", l_hex},         {"unhex", l_unhex}, {"checksum", l_checksum},
        {"shorten", l_shorten}, {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
