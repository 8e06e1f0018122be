/* SPDX-License-Identifier: Apache-2.0
 * Breakpoints as Lua values: deleted when closed. User value 1 of one is its inferior. */
#include "lua/inferior.h"
#include "lua/open.h"
#include "lua/util.h"
#include "ptrace/breakpoint.h"

#include <errno.h>

#define BREAKPOINT_TYPE "tiexec.breakpoint"

/* An exec drops all breakpoints, and another may have this index then: `address` tells them
 * apart. */
struct handle {
    size_t index;
    uint64_t address;
    bool held;
};

/// Sets a breakpoint in all threads, which must be stopped. When it is hit, pc is the address, and
// the instruction there has not been executed.
// @function inferior:breakpoint
// @int address
// @string[opt="any"] kind "hardware", "software", or "any": hardware if the CPU has one to spare
// @treturn[1] breakpoint with `:delete()` and `:is_hardware()`; may be to-be-closed
// @treturn[2] nil, message, errno (ENOSPC: there are too many)
static int l_breakpoint(lua_State *L)
{
    static const char *const kinds[] = {"any", "hardware", "software", NULL};
    struct inferior *inferior = bind_check_inferior(L, 1);
    uint64_t address = bind_check_address(L, 2);
    enum breakpoint_kind kind = (enum breakpoint_kind)luaL_checkoption(L, 3, "any", kinds);
    struct handle *handle = lua_newuserdatauv(L, sizeof *handle, 1);
    *handle = (struct handle){0};
    luaL_setmetatable(L, BREAKPOINT_TYPE);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    int err = breakpoint_insert(inferior, address, kind, &handle->index);
    if (err)
        return bind_push_failure(L, "breakpoint", err);
    handle->address = inferior->breakpoints[handle->index].address;
    handle->held = true;
    return 1;
}

/// Removes the breakpoint, if it is still there.
// @function breakpoint:delete
// @treturn[1] boolean true
// @treturn[2] nil, message, errno
static int l_delete(lua_State *L)
{
    struct handle *handle = luaL_checkudata(L, 1, BREAKPOINT_TYPE);
    int err = 0;
    lua_getiuservalue(L, 1, 1);
    if (handle->held) {
        struct inferior *inferior = bind_check_inferior(L, -1);
        const struct breakpoint *b = &inferior->breakpoints[handle->index];
        if (b->used && b->address == handle->address && inferior->thread_count)
            err = breakpoint_remove(inferior, handle->index);
    }
    handle->held = false;
    return bind_push_result(L, "delete", err);
}

/// Tells whether it uses a debug register of the CPU.
// @function breakpoint:is_hardware
// @treturn boolean
static int l_is_hardware(lua_State *L)
{
    const struct handle *handle = luaL_checkudata(L, 1, BREAKPOINT_TYPE);
    lua_getiuservalue(L, 1, 1);
    const struct inferior *inferior = bind_check_inferior(L, -1);
    lua_pushboolean(L, handle->held && inferior->breakpoints[handle->index].hardware);
    return 1;
}

/// The instructions that trap (SIGTRAP) and may be found in text which is there already.
// @function trap_instructions
// @treturn table list of byte strings, the likeliest first
// @treturn int how many bytes after the instruction's start the pc is when it has trapped
// @treturn int instructions begin at multiples of so many bytes
static int l_trap_instructions(lua_State *L)
{
    lua_newtable(L);
    for (size_t i = 0; i < sizeof arch_found_traps / sizeof arch_found_traps[0]; i++) {
        lua_pushlstring(L, (const char *)arch_found_traps[i], sizeof arch_found_traps[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_pushinteger(L, ARCH_TRAP_PC_ADVANCE);
    lua_pushinteger(L, ARCH_INSN_ALIGN);
    return 3;
}

void bind_add_breakpoint(lua_State *L)
{
    static const luaL_Reg functions[] = {{"trap_instructions", l_trap_instructions}, {NULL, NULL}};
    static const luaL_Reg inferior_methods[] = {{"breakpoint", l_breakpoint}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"delete", l_delete},
        {"is_hardware", l_is_hardware},
        {NULL, NULL},
    };
    static const luaL_Reg meta[] = {{"__close", l_delete}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    bind_add_methods(L, inferior_methods);
    bind_make_type(L, BREAKPOINT_TYPE, methods, meta);
}
