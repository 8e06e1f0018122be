/* SPDX-License-Identifier: Apache-2.0
 * The symbols of an object, as a Lua value. */
#include "elf/symbol_reader.h"
#include "lua/open.h"
#include "lua/util.h"

#include <elf.h>
#include <errno.h>

#define TABLE_TYPE "tiexec.symbol_table"

static struct symbol_table *check_table(lua_State *L)
{
    return luaL_checkudata(L, 1, TABLE_TYPE);
}

/// Makes an empty table of symbols. `#` gives how many it has. Addresses are those of the file,
// without a load bias.
// @function symbol_table
// @treturn symbol_table with `:add(path)`, `:add_image(bytes)`, `:find(name)`, `:at(address)`
static int l_symbol_table(lua_State *L)
{
    struct symbol_table *table = lua_newuserdatauv(L, sizeof *table, 0);
    *table = (struct symbol_table){0};
    luaL_setmetatable(L, TABLE_TYPE);
    return 1;
}

/* Pushes what a file has told, as `add` returns it. */
static int push_source(lua_State *L, const char *what, const struct symbol_source *source, int err)
{
    if (err)
        return bind_push_failure(L, what, err);
    lua_pushstring(L, source->has_symtab ? "all" : "dynamic");
    if (!source->debugdata)
        return 1;
    lua_pushstring(L, source->debugdata == -ELIBACC
                          ? ".gnu_debugdata cannot be read: liblzma.so.5 is not installed"
                          : ".gnu_debugdata is damaged");
    return 2;
}

/// Adds the symbols of a file: .symtab, or else .dynsym and .gnu_debugdata.
// @function symbol_table:add
// @string path
// @string[opt] build_id that the file must have, in hexadecimal
// @treturn[1] string "all": the file has a .symtab; "dynamic": it has not
// @treturn[1] ?string why its .gnu_debugdata could not be read
// @treturn[2] nil, message, errno (ENOEXEC: it is no 64-bit ELF file; EINVAL: another build-id)
static int l_add(lua_State *L)
{
    struct symbol_source source;
    struct symbol_table *table = check_table(L);
    const char *path = luaL_checkstring(L, 2);
    const char *build_id = luaL_optstring(L, 3, NULL);
    int err = symbol_reader_add_file(table, path, build_id, &source);
    return push_source(L, path, &source, err);
}

/// Adds the symbols of an image in memory, such as the vdso.
// @function symbol_table:add_image
// @string bytes
// @treturn as `add`
static int l_add_image(lua_State *L)
{
    size_t size;
    struct symbol_source source;
    struct symbol_table *table = check_table(L);
    const char *bytes = luaL_checklstring(L, 2, &size);
    int err = symbol_reader_add_image(table, bytes, size, &source);
    return push_source(L, "image", &source, err);
}

static const char *kind_of(const struct symbol *symbol)
{
    switch (symbol->type) {
    case STT_FUNC:
        return "function";
    case STT_OBJECT:
        return "object";
    case STT_GNU_IFUNC:
        return "ifunc";
    default:
        return "label";
    }
}

static int push_symbol(lua_State *L, const struct symbol_table *table,
                       const struct symbol *symbol, int err)
{
    if (err)
        return bind_push_failure(L, "symbol", err);
    if (!symbol) {
        lua_pushnil(L);
        return 1;
    }
    lua_createtable(L, 0, 6);
    bind_set_string(L, "name", table->names + symbol->name);
    bind_set_integer(L, "address", symbol->value);
    bind_set_integer(L, "size", symbol->size);
    bind_set_string(L, "kind", kind_of(symbol));
    bind_set_boolean(L, "is_local", symbol->is_local);
    return 1;
}

/// Finds a symbol by its name: the default one of several versions, a global one before a local
// one.
// @function symbol_table:find
// @string name without a version
// @treturn[1] ?table `name`, `address`, `size`, `kind` ("function", "object", "ifunc": a function
// that chooses one, "label"), `is_local`; nil alone: there is none
// @treturn[2] nil, message, errno (ENOMEM)
static int l_find(lua_State *L)
{
    const struct symbol *found = NULL;
    struct symbol_table *table = check_table(L);
    int err = symbol_table_find(table, luaL_checkstring(L, 2), &found);
    return push_symbol(L, table, found, err);
}

/// Finds the symbol that an address lies in. One of unknown size reaches to the next one.
// @function symbol_table:at
// @int address
// @treturn as `find`
static int l_at(lua_State *L)
{
    const struct symbol *found = NULL;
    struct symbol_table *table = check_table(L);
    int err = symbol_table_at(table, bind_check_address(L, 2), &found);
    return push_symbol(L, table, found, err);
}

static int l_count(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)check_table(L)->count);
    return 1;
}

static int l_free(lua_State *L)
{
    symbol_table_free(check_table(L));
    return 0;
}

void bind_add_symbol_table(lua_State *L)
{
    static const luaL_Reg functions[] = {{"symbol_table", l_symbol_table}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"add", l_add},
        {"add_image", l_add_image},
        {"find", l_find},
        {"at", l_at},
        {NULL, NULL},
    };
    static const luaL_Reg meta[] = {{"__len", l_count}, {"__gc", l_free}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    bind_make_type(L, TABLE_TYPE, methods, meta);
}
