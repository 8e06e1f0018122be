/* SPDX-License-Identifier: Apache-2.0
 * System calls: those that the inferior is made to execute, and those of this process. */
#include "lua/inferior.h"
#include "lua/open.h"
#include "lua/util.h"
#include "ptrace/remote.h"

#include <errno.h>
#include <unistd.h>

/* Reads the arguments of both methods: the name of a system call at stack index 2, of which it
 * gives the number, and up to six integers after it. Raises for anything else. */
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
// @local
// @string name as in syscalls(2); an unknown one raises
// @param ... up to six integers; those that are left out are 0
// @treturn[1] int what the call has returned
// @treturn[2] nil, message, errno: the call has failed, or could not be run (ESRCH: the thread has
// ended; EBUSY: it is running; ETIMEDOUT: see `call_timeout`; EPERM, too, if a seccomp filter
// forbids it)
static int l_remote_syscall(lua_State *L)
{
    uint64_t args[6];
    int64_t result = 0;
    struct inferior *inferior = bind_check_inferior(L, 1);
    long number = check_syscall(L, args);
    struct tracee *thread = inferior_thread(inferior, 0);
    int err = thread ? remote_syscall(inferior, thread, number, args, &result)
                     : inferior_no_thread(inferior, 0);
    if (!err && result < 0 && result > -4096)
        return bind_push_errno(L, lua_tostring(L, 2), (int)-result);
    if (err)
        return bind_push_failure(L, lua_tostring(L, 2), err);
    lua_pushinteger(L, result);
    return 1;
}

/// Sets the registers of the selected thread so that it executes a system call when it goes on, in
// place of what it was at. For calls that do not return (execve, exit_group): after any other call
// the thread would run into text that is not meant for it.
// @function inferior:prepare_syscall
// @string name as in syscalls(2); an unknown one raises
// @param ... up to six integers; those that are left out are 0
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (EBUSY: the thread is running; ESRCH: it is gone)
// @usage
// inferior:prepare_syscall("exit_group", 9)
// inferior:cont()
// print(inferior:wait().exit_code) --> 9
static int l_prepare_syscall(lua_State *L)
{
    uint64_t args[6];
    struct inferior *inferior = bind_check_inferior(L, 1);
    long number = check_syscall(L, args);
    struct tracee *thread = inferior_thread(inferior, 0);
    int err = thread ? remote_prepare(inferior, thread, number, args)
                     : inferior_no_thread(inferior, 0);
    return bind_push_result(L, lua_tostring(L, 2), err);
}

/// The number of a system call on this CPU.
// @function syscall_number
// @string name
// @treturn int; nil: there is none of that name
// @usage
// print(tiexec.syscall_number("openat") ~= nil, tiexec.syscall_number("no_such_call")) --> true nil
static int l_syscall_number(lua_State *L)
{
    long number = remote_syscall_number(luaL_checkstring(L, 1));
    if (number >= 0)
        lua_pushinteger(L, number);
    else
        lua_pushnil(L);
    return 1;
}

/// The name of a system call on this CPU.
// @function syscall_name
// @int number as the events of system calls have it
// @treturn ?string such as "openat"; nil: it has none
// @usage
// print(tiexec.syscall_name(tiexec.syscall_number("openat"))) --> openat
static int l_syscall_name(lua_State *L)
{
    lua_pushstring(L, remote_syscall_name(luaL_checkinteger(L, 1)));
    return 1;
}

/// Makes this process itself execute a system call.
// @function syscall
// @string name as in syscalls(2); an unknown one raises
// @param ... up to six integers; those that are left out are 0
// @treturn[1] int what the call has returned
// @treturn[2] nil, message, errno
static int l_syscall(lua_State *L)
{
    long args[6] = {0}, number = remote_syscall_number(luaL_checkstring(L, 1));
    luaL_argcheck(L, number >= 0, 1, "unknown system call");
    for (int i = 0; i < 6 && !lua_isnoneornil(L, 2 + i); i++)
        args[i] = (long)bind_check_address(L, 2 + i);
    long result = syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]);
    if (result == -1)
        return bind_push_errno(L, lua_tostring(L, 1), errno);
    lua_pushinteger(L, result);
    return 1;
}

void bind_add_remote(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"syscall", l_syscall},
        {"syscall_number", l_syscall_number},
        {"syscall_name", l_syscall_name},
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
