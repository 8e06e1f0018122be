/* SPDX-License-Identifier: Apache-2.0
 * The symbols of an ELF file. */
#include "elf/symbols.h"
#include "lua/open.h"
#include "lua/util.h"

/// The function symbols of an ELF file in a range of its addresses, as the contents of two ELF
// sections.
// @function symbols
// @string path
// @int start
// @int stop
// @int section the number of the section that the symbols shall belong to
// @treturn[1] string a symbol table
// @treturn[1] string a string table
// @treturn[2] nil, message, errno (ENOEXEC: it is no 64-bit ELF file)
static int l_symbols(lua_State *L)
{
    struct symbols symbols;
    const char *path = luaL_checkstring(L, 1);
    uint64_t start = bind_check_address(L, 2), stop = bind_check_address(L, 3);
    int err = symbols_read(path, start, stop, (unsigned)luaL_checkinteger(L, 4), &symbols);
    if (err)
        return bind_push_failure(L, path, err);
    lua_pushlstring(L, symbols.table, symbols.table_size);
    lua_pushlstring(L, symbols.names, symbols.names_size);
    symbols_free(&symbols);
    return 2;
}

/// Tells whether an ELF file imports a symbol: it wants another object to have it.
// @function imports
// @string path
// @string name
// @treturn[1] boolean
// @treturn[2] nil, message, errno (ENOEXEC: it is no 64-bit ELF file)
static int l_imports(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    int found = symbols_import(path, luaL_checkstring(L, 2));
    if (found < 0)
        return bind_push_failure(L, path, found);
    lua_pushboolean(L, found);
    return 1;
}

void bind_add_symbols(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"symbols", l_symbols},
        {"imports", l_imports},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
