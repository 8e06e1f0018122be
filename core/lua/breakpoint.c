/* SPDX-License-Identifier: Apache-2.0
 * Breakpoints as Lua values: deleted when closed. */
#include "ptrace/breakpoint.h"
#include "lua/util.h"

#include <errno.h>

#define BREAKPOINT_TYPE "tiexec.breakpoint"

/* User value 1 is the inferior. An exec drops breakpoints: `address` tells whether it is still ours. */
struct handle {
    size_t index;
    uint64_t address;
    bool held;
};

/// Sets a breakpoint. When it is hit, pc is the address, and what stands there has not run.
// @function inferior:breakpoint
// @int address
// @string[opt="any"] kind "hardware", "software", or "any": hardware if the CPU has one to spare
// @treturn[1] breakpoint with `:delete()`; may be to-be-closed
// @treturn[2] nil, message, errno
static int l_breakpoint(lua_State *L)
{
    static const char *const kinds[] = {"any", "hardware", "software", NULL};
    struct inferior *inferior = lua_check_inferior(L, 1);
    uint64_t address = lua_check_address(L, 2);
    enum breakpoint_kind kind = (enum breakpoint_kind)luaL_checkoption(L, 3, "any", kinds);
    struct handle *handle = lua_newuserdatauv(L, sizeof *handle, 1);
    *handle = (struct handle){0};
    luaL_setmetatable(L, BREAKPOINT_TYPE);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    int err = breakpoint_insert(inferior, address, kind, &handle->index);
    if (err)
        return lua_push_failure(L, "breakpoint", err);
    handle->address = inferior->breakpoints[handle->index].address;
    handle->held = true;
    return 1;
}

static int l_delete(lua_State *L)
{
    struct handle *handle = luaL_checkudata(L, 1, BREAKPOINT_TYPE);
    int err = 0;
    lua_getiuservalue(L, 1, 1);
    if (handle->held) {
        struct inferior *inferior = lua_check_inferior(L, -1);
        const struct breakpoint *b = &inferior->breakpoints[handle->index];
        if (b->used && b->address == handle->address && inferior->thread_count)
            err = breakpoint_remove(inferior, handle->index);
    }
    handle->held = false;
    return lua_push_result(L, "delete", err);
}

/// Whether it uses a debug register of the CPU.
// @function breakpoint:is_hardware
static int l_is_hardware(lua_State *L)
{
    const struct handle *handle = luaL_checkudata(L, 1, BREAKPOINT_TYPE);
    lua_getiuservalue(L, 1, 1);
    const struct inferior *inferior = lua_check_inferior(L, -1);
    lua_pushboolean(L, handle->held && inferior->breakpoints[handle->index].hardware);
    return 1;
}

void lua_add_breakpoint_methods(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"delete", l_delete}, {"is_hardware", l_is_hardware}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__close", l_delete}, {NULL, NULL}};
    lua_pushcfunction(L, l_breakpoint);
    lua_setfield(L, -2, "breakpoint");
    if (luaL_newmetatable(L, BREAKPOINT_TYPE)) {
        luaL_setfuncs(L, meta, 0);
        luaL_newlib(L, methods);
        lua_setfield(L, -2, "__index");
    }
    lua_pop(L, 1);
}
