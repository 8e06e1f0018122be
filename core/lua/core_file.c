/* SPDX-License-Identifier: Apache-2.0
 * What core files are made of: raw register sets, signal information, and the files themselves. */
#include "elf/core_file.h"
#include "elf/core_memory.h"
#include "lua/inferior.h"
#include "lua/open.h"
#include "lua/util.h"
#include "ptrace/registers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/// The types of the notes that a core file of this CPU has for each thread, beside NT_PRSTATUS.
// @function core_notes
// @treturn table list of integers
static int l_core_notes(lua_State *L)
{
    lua_newtable(L);
    for (size_t i = 0; i < sizeof arch_core_notes / sizeof arch_core_notes[0]; i++) {
        lua_pushinteger(L, arch_core_notes[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/// Reads a whole register set of a stopped thread, as the kernel has it.
// @function inferior:register_set
// @local
// @int note the type of its ELF note, NT_*
// @int[opt] thread its id; the selected one when absent
// @treturn[1] string
// @treturn[2] nil, message, errno (EBUSY: the thread is running; ESRCH: it is gone; EINVAL,
// ENODEV: there is no such set here)
static int l_register_set(lua_State *L)
{
    void *bytes = NULL;
    size_t size = 0;
    struct inferior *inferior = bind_check_inferior(L, 1);
    int note = (int)luaL_checkinteger(L, 2);
    const struct tracee *thread = bind_opt_thread(L, 3, inferior);
    int err = thread ? regset_read(thread, note, &bytes, &size)
                     : bind_no_thread(L, 3, inferior);
    if (err)
        return bind_push_failure(L, "register_set", err);
    lua_pushlstring(L, bytes, size);
    free(bytes);
    return 1;
}

/* Reads the list of segments at a stack index into a userdata, which is pushed. */
static struct core_segment *check_segments(lua_State *L, int index, size_t *count)
{
    luaL_checktype(L, index, LUA_TTABLE);
    *count = lua_rawlen(L, index);
    struct core_segment *list = lua_newuserdatauv(L, (*count + 1) * sizeof *list, 0);
    for (size_t i = 0; i < *count; i++) {
        if (lua_rawgeti(L, index, (lua_Integer)i + 1) != LUA_TTABLE)
            luaL_argerror(L, index, "list of segments expected");
        int at = lua_gettop(L);
        list[i].address = bind_check_field(L, at, "start", index);
        list[i].size = bind_check_field(L, at, "stop", index) - list[i].address;
        list[i].dumped = bind_check_field(L, at, "dumped", index);
        list[i].flags = (uint32_t)bind_check_field(L, at, "flags", index);
        luaL_argcheck(L, list[i].dumped <= list[i].size, index, "more is dumped than there is");
        lua_getfield(L, at, "sparse");
        list[i].sparse = lua_toboolean(L, -1);
        lua_settop(L, at - 1);
    }
    return list;
}

/// Writes a core file of mode 600: notes, and memory as it is now.
// @function inferior:write_core
// @local
// @string path
// @string notes as they shall stand in the file
// @tparam table segments list of CoreSegment, in order of address
// @treturn[1] int how many bytes could not be read, and are zeros
// @treturn[2] nil, message, errno; then there is no file
static int l_write_core(lua_State *L)
{
    struct core_memory memory;
    struct core_contents contents = {.read = core_memory_read, .context = &memory};
    struct inferior *inferior = bind_check_inferior(L, 1);
    const char *path = luaL_checkstring(L, 2);
    contents.notes = luaL_checklstring(L, 3, &contents.notes_size);
    contents.segments = check_segments(L, 4, &contents.count);
    core_memory_open(inferior, &memory);
    int err = core_file_write(path, &contents);
    core_memory_close(&memory);
    if (err)
        return bind_push_failure(L, path, err);
    lua_pushinteger(L, (lua_Integer)memory.unread);
    return 1;
}

void bind_add_core_file(lua_State *L)
{
    static const luaL_Reg functions[] = {{"core_notes", l_core_notes}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"register_set", l_register_set},
        {"write_core", l_write_core},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
    bind_add_methods(L, methods);
}
