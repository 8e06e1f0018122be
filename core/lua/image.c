/* SPDX-License-Identifier: Apache-2.0 */
#include "elf/image.h"
#include "lua/util.h"
#include "elf/perf_map.h"
#include "elf/symbols.h"

static void push_segments(lua_State *L, const struct image *image)
{
    lua_createtable(L, (int)image->segment_count, 0);
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct segment *s = &image->segments[i];
        lua_createtable(L, 0, 7);
        lua_set_integer(L, "type", s->type);
        lua_set_integer(L, "flags", s->flags);
        lua_set_integer(L, "offset", s->offset);
        lua_set_integer(L, "vaddr", s->vaddr);
        lua_set_integer(L, "filesz", s->filesz);
        lua_set_integer(L, "memsz", s->memsz);
        lua_set_integer(L, "align", s->align);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static int push_image(lua_State *L, const char *what, int err, struct image *image)
{
    if (err)
        return lua_push_failure(L, what, err);
    lua_newtable(L);
    lua_set_integer(L, "class", (uint64_t)image->class);
    lua_set_integer(L, "machine", image->machine);
    lua_set_integer(L, "type", image->type);
    lua_set_integer(L, "entry", image->entry);
    lua_set_integer(L, "device", image->device);
    lua_set_integer(L, "inode", image->inode);
    lua_set_integer(L, "size", image->size);
    lua_set_boolean(L, "text_relocations", image->text_relocations);
    lua_set_boolean(L, "native", image_is_native(image));
    if (image->build_id[0])
        lua_set_string(L, "build_id", image->build_id);
    push_segments(L, image);
    lua_setfield(L, -2, "segments");
    image_free(image);
    return 1;
}

/// The headers of an ELF file.
// @function image
// @string path
// @treturn[1] table `class`, `machine`, `type`, `entry`, `build_id` (hexadecimal or nil),
// `native` (runs on this CPU, 64-bit), `text_relocations`, `device`, `inode`, `size`, and
// `segments`: program headers with the field names of <elf.h>
// @treturn[2] nil, message, errno (ENOEXEC: not an ELF file)
static int l_image(lua_State *L)
{
    struct image image;
    const char *path = luaL_checkstring(L, 1);
    int err = image_open(path, &image);
    return push_image(L, path, err, &image);
}

/// The same from the first bytes of a mapped object.
// @function image_from_memory
// @string bytes
static int l_image_from_memory(lua_State *L)
{
    struct image image;
    size_t size;
    const char *bytes = luaL_checklstring(L, 1, &size);
    int err = image_from_memory(bytes, size, &image);
    return push_image(L, NULL, err, &image);
}

/// The function symbols of an ELF file in a range of addresses, as the contents of two ELF sections.
// @function symbols
// @string path
// @int start
// @int stop
// @int section the number of the section that they shall belong to
// @treturn[1] string symbol table, and
// @treturn[1] string string table
// @treturn[2] nil, message, errno
static int l_symbols(lua_State *L)
{
    struct symbols symbols;
    const char *path = luaL_checkstring(L, 1);
    uint64_t start = lua_check_address(L, 2), stop = lua_check_address(L, 3);
    int err = symbols_read(path, start, stop, (unsigned)luaL_checkinteger(L, 4), &symbols);
    if (err)
        return lua_push_failure(L, path, err);
    lua_pushlstring(L, symbols.table, symbols.table_size);
    lua_pushlstring(L, symbols.names, symbols.names_size);
    symbols_free(&symbols);
    return 2;
}

/// Whether an ELF file imports a symbol: asks the libraries that it is loaded with for it.
// @function imports
// @string path
// @string name
// @treturn[1] boolean
// @treturn[2] nil, message, errno
static int l_imports(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    int found = symbols_import(path, luaL_checkstring(L, 2));
    if (found < 0)
        return lua_push_failure(L, path, found);
    lua_pushboolean(L, found);
    return 1;
}

static uint64_t check_text_field(lua_State *L, const char *name)
{
    lua_getfield(L, -1, name);
    luaL_argcheck(L, lua_isinteger(L, -1), 2, name);
    uint64_t value = (uint64_t)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return value;
}

/* The array is a userdata on top of the stack; the strings stay the list's. */
static struct perfmap_text *check_texts(lua_State *L, int index, size_t *count)
{
    luaL_checktype(L, index, LUA_TTABLE);
    *count = lua_rawlen(L, index);
    struct perfmap_text *texts = lua_newuserdatauv(L, (*count + 1) * sizeof *texts, 0);
    for (size_t i = 0; i < *count; i++) {
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        luaL_argcheck(L, lua_istable(L, -1), index, "list of tables expected");
        luaL_argcheck(L, lua_getfield(L, -1, "path") == LUA_TSTRING, index, "path");
        texts[i].path = lua_tostring(L, -1);
        lua_pop(L, 1);
        texts[i].start = check_text_field(L, "start");
        texts[i].stop = check_text_field(L, "stop");
        texts[i].bias = check_text_field(L, "bias");
        lua_pop(L, 1);
    }
    return texts;
}

/// Writes /tmp/perf-PID.map, which names the functions in memory that is no file's, for profilers.
// @function perf_map
// @int pid
// @tparam table texts list of {path=, start=, stop=, bias=}: what lies at [start, stop) is text of the
// ELF file `path`, whose addresses are those less `bias`
// @bool[opt] append to one that this process's user has there
// @treturn[1] string its name, as the process sees it
// @treturn[2] nil, message, errno
static int l_perf_map(lua_State *L)
{
    size_t count;
    char name[48];
    pid_t inner = 0, pid = (pid_t)luaL_checkinteger(L, 1);
    bool append = lua_toboolean(L, 3);
    struct perfmap_text *texts = check_texts(L, 2, &count);
    int err = perfmap_write(pid, texts, count, append, &inner);
    snprintf(name, sizeof name, "/tmp/perf-%d.map", (int)inner);
    if (err)
        return lua_push_failure(L, name, err);
    lua_pushstring(L, name);
    return 1;
}

void lua_add_image(lua_State *L)
{
    lua_pushcfunction(L, l_perf_map);
    lua_setfield(L, -2, "perf_map");
    lua_pushcfunction(L, l_symbols);
    lua_setfield(L, -2, "symbols");
    lua_pushcfunction(L, l_imports);
    lua_setfield(L, -2, "imports");
    lua_pushcfunction(L, l_image);
    lua_setfield(L, -2, "image");
    lua_pushcfunction(L, l_image_from_memory);
    lua_setfield(L, -2, "image_from_memory");
}
