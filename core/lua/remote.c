/* SPDX-License-Identifier: Apache-2.0
 * System calls: those that the inferior is made to execute, and those of this process. */
#include "lua/inferior.h"
#include "lua/open.h"
#include "lua/util.h"
#include "ptrace/remote.h"

#include <errno.h>
#include <unistd.h>

/* A system call by name from stack index 2 on, with up to six integers. Raises for what is none. */
static long check_syscall(lua_State *L, uint64_t args[6])
{
    const char *name = luaL_checkstring(L, 2);
    long number = remote_syscall_number(name);
    int count = lua_gettop(L) - 2;
    if (number < 0)
        return luaL_argerror(L, 2, lua_pushfstring(L, "unknown system call '%s'", name));
    luaL_argcheck(L, count <= 6, 9, "a system call has at most six arguments");
    for (int i = 0; i < 6; i++)
        args[i] = i < count ? bind_check_address(L, 3 + i) : 0;
    return number;
}

/// Makes the selected thread, which must be stopped, execute a system call.
// @function inferior:remote_syscall
// @string name as in syscalls(2); an unknown one raises
// @param ... up to six integers
// @treturn[1] integer what the call returned
// @treturn[2] nil, message, errno: the call failed, or could not be run
static int l_remote_syscall(lua_State *L)
{
    uint64_t args[6];
    int64_t result = 0;
    struct inferior *inferior = bind_check_inferior(L, 1);
    long number = check_syscall(L, args);
    struct tracee *thread = inferior_thread(inferior, 0);
    int err = thread ? remote_syscall(inferior, thread, number, args, &result) : -ESRCH;
    if (!err && result < 0 && result > -4096)
        err = (int)result;
    if (err)
        return bind_push_failure(L, lua_tostring(L, 2), err);
    lua_pushinteger(L, result);
    return 1;
}

/// Sets the registers of the selected thread so that, when it goes on, it executes a system call in place of what
// it was at; what follows after that has no meaning. For calls that do not return: execve, exit_group.
// @function inferior:prepare_syscall
// @string name as in syscalls(2); an unknown one raises
// @param ... up to six integers
static int l_prepare_syscall(lua_State *L)
{
    uint64_t args[6];
    struct inferior *inferior = bind_check_inferior(L, 1);
    long number = check_syscall(L, args);
    struct tracee *thread = inferior_thread(inferior, 0);
    int err = thread ? remote_prepare(inferior, thread, number, args) : -ESRCH;
    return bind_push_result(L, lua_tostring(L, 2), err);
}

/// The number of a system call on this CPU.
// @function syscall_number
// @string name
// @treturn int, or nil: there is none of that name
static int l_syscall_number(lua_State *L)
{
    long number = remote_syscall_number(luaL_checkstring(L, 1));
    if (number >= 0)
        lua_pushinteger(L, number);
    else
        lua_pushnil(L);
    return 1;
}

/// Makes this very process execute a system call, with integers only.
// @function syscall
// @string name
static int l_syscall(lua_State *L)
{
    long args[6] = {0}, number = remote_syscall_number(luaL_checkstring(L, 1));
    luaL_argcheck(L, number >= 0, 1, "unknown system call");
    for (int i = 0; i < 6 && !lua_isnoneornil(L, 2 + i); i++)
        args[i] = (long)bind_check_address(L, 2 + i);
    long result = syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]);
    if (result == -1)
        return bind_push_failure(L, lua_tostring(L, 1), -errno);
    lua_pushinteger(L, result);
    return 1;
}

void bind_add_remote(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"syscall", l_syscall},
        {"syscall_number", l_syscall_number},
        {NULL, NULL},
    };
    static const luaL_Reg methods[] = {
        {"remote_syscall", l_remote_syscall},
        {"prepare_syscall", l_prepare_syscall},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
    bind_add_methods(L, methods);
}
