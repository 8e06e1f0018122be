/* SPDX-License-Identifier: Apache-2.0
 * Breakpoints and watchpoints by their ids; harness/points.lua makes objects of them. */
#include "ptrace/breakpoint.h"
#include "lua/inferior.h"
#include "lua/open.h"
#include "lua/util.h"
#include "ptrace/watchpoint.h"

#include <errno.h>

/* Pushes the id, or the failure. */
static int push_id(lua_State *L, const char *what, int err, uint64_t id)
{
    if (!err) {
        lua_pushinteger(L, (lua_Integer)id);
        return 1;
    }
    if (err != -ENOSPC)
        return bind_push_failure(L, what, err);
    lua_pushnil(L);
    lua_pushfstring(L, "%s: all debug registers of the CPU are in use", what);
    lua_pushinteger(L, ENOSPC);
    return 3;
}

/// Sets a breakpoint in all threads, and in threads to come; those that run are held meanwhile.
// @function inferior:insert_breakpoint
// @local
// @int address
// @string kind "hardware", "software", or "any": hardware if the CPU has one to spare
// @treturn[1] int its id, which no other has
// @treturn[1] boolean whether it uses a debug register
// @treturn[2] nil, message, errno (ENOSPC: the debug registers are used up; EFAULT, EIO: nothing is
// mapped there)
static int l_insert_breakpoint(lua_State *L)
{
    static const char *const kinds[] = {"any", "hardware", "software", NULL};
    struct inferior *inferior = bind_check_inferior(L, 1);
    uint64_t address = bind_check_address(L, 2), id = 0;
    enum breakpoint_kind kind = (enum breakpoint_kind)luaL_checkoption(L, 3, "any", kinds);
    int err = breakpoint_insert(inferior, address, kind, &id);
    int pushed = push_id(L, "breakpoint", err, id);
    if (err)
        return pushed;
    lua_pushboolean(L, breakpoint_find(inferior, id)->hardware);
    return 2;
}

/// Watches data in all threads, and in threads to come; those that run are held meanwhile.
// @function inferior:insert_watchpoint
// @local
// @int address
// @int size bytes, up to 32 as far as the debug registers go
// @string kind "write", "read" or "access"
// @treturn[1] int its id, which no other has
// @treturn[2] nil, message, errno (ENOSPC: the debug registers are used up; EFAULT, EIO: it is not
// mapped)
static int l_insert_watchpoint(lua_State *L)
{
    static const char *const names[] = {"write", "read", "access", NULL};
    static const enum arch_debug_kind kinds[] = {ARCH_DEBUG_WRITE, ARCH_DEBUG_READ,
                                                 ARCH_DEBUG_ACCESS};
    struct inferior *inferior = bind_check_inferior(L, 1);
    uint64_t address = bind_check_address(L, 2), size = bind_check_address(L, 3), id = 0;
    enum arch_debug_kind kind = kinds[luaL_checkoption(L, 4, "write", names)];
    luaL_argcheck(L, size > 0 && size <= WATCH_MAX, 3, "1 to 32 bytes can be watched");
    int err = watchpoint_insert(inferior, address, (unsigned)size, kind, &id);
    return push_id(L, "watch", err, id);
}

/// Removes a breakpoint or watchpoint, if it is still there: an exec ends all.
// @function inferior:remove_point
// @local
// @int id
// @treturn[1] boolean true
// @treturn[2] nil, message, errno
static int l_remove_point(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    uint64_t id = bind_check_address(L, 2);
    int err = breakpoint_remove(inferior, id);
    if (!err)
        err = watchpoint_remove(inferior, id);
    return bind_push_result(L, "delete", err);
}

/// Takes a breakpoint or watchpoint out, or puts it back.
// @function inferior:enable_point
// @local
// @int id
// @bool on
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (ENOENT: it is gone; ENOSPC: the debug registers are used up)
static int l_enable_point(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    uint64_t id = bind_check_address(L, 2);
    bool on = lua_toboolean(L, 3);
    int err = watchpoint_find(inferior, id) ? watchpoint_enable(inferior, id, on)
                                            : breakpoint_enable(inferior, id, on);
    return bind_push_result(L, "enable", err);
}

/// Has a breakpoint or watchpoint stop one thread alone, or all.
// @function inferior:limit_point
// @local
// @int id
// @int thread its id; 0: all
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (ENOENT: it is gone)
static int l_limit_point(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    uint64_t id = bind_check_address(L, 2);
    lua_Integer thread = luaL_checkinteger(L, 3);
    luaL_argcheck(L, thread >= 0 && thread <= 0x7fffffff, 3, "not a thread id");
    struct breakpoint *b = breakpoint_find(inferior, id);
    struct watchpoint *w = watchpoint_find(inferior, id);
    if (b)
        b->thread = (pid_t)thread;
    if (w)
        w->thread = (pid_t)thread;
    return bind_push_result(L, "thread", b || w ? 0 : -ENOENT);
}

/// Has a watchpoint told as the CPU tells it: on AArch64 before the instruction is executed that
// touches the data. Whoever is told lets the thread execute it, with the watchpoint taken out.
// @function inferior:tell_before
// @local
// @int id
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (ENOENT: it is gone)
static int l_tell_before(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    struct watchpoint *w = watchpoint_find(inferior, bind_check_address(L, 2));
    if (w)
        w->before = true;
    return bind_push_result(L, "watch", w ? 0 : -ENOENT);
}

/// Tells whether a breakpoint or watchpoint is still there.
// @function inferior:has_point
// @local
// @int id
// @treturn boolean
static int l_has_point(lua_State *L)
{
    const struct inferior *inferior = bind_check_inferior(L, 1);
    uint64_t id = bind_check_address(L, 2);
    lua_pushboolean(L, breakpoint_find(inferior, id) || watchpoint_find(inferior, id));
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
    static const luaL_Reg methods[] = {
        {"insert_breakpoint", l_insert_breakpoint},
        {"insert_watchpoint", l_insert_watchpoint},
        {"remove_point", l_remove_point},
        {"enable_point", l_enable_point},
        {"limit_point", l_limit_point},
        {"tell_before", l_tell_before},
        {"has_point", l_has_point},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
    bind_add_methods(L, methods);
}
