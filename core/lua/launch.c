/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program.h"
#include "os/init.h"
#include "ptrace/launch.h"
#include "lua/util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/// Splits this process in two: the one that was there, to become the target, and a detached tracer.
// @function split
// @int timeout milliseconds that the target's side waits for the tracer
// @tparam[opt] file keep a Lua file that the tracer shall keep open
// @treturn[1] string "tracer"
// @treturn[1] inferior the other side
// @treturn[2] string "target"
// @treturn[3] nil, message, errno: there is no tracer
static int l_split(lua_State *L)
{
    enum launch_side side;
    int timeout = (int)luaL_checkinteger(L, 1), keep = -1;
    if (!lua_isnoneornil(L, 2)) {
        const luaL_Stream *file = luaL_checkudata(L, 2, LUA_FILEHANDLE);
        luaL_argcheck(L, file->closef, 2, "file is closed");
        keep = fileno(file->f);
    }
    struct inferior *inferior = lua_new_inferior(L);
    int err = launch_split(timeout, keep, &side, inferior);
    if (err)
        return lua_push_failure(L, "ptrace", err);
    lua_pushstring(L, side == LAUNCH_TRACER ? "tracer" : "target");
    if (side == LAUNCH_TARGET)
        return 1;
    lua_pushvalue(L, -2);
    return 2;
}

/// Finds a program as execvp(3) would.
// @function find
// @string name
// @treturn[1] string path
// @treturn[2] nil, message, errno (ENOENT, EACCES, EISDIR, …)
static int l_find(lua_State *L)
{
    char *path;
    const char *name = luaL_checkstring(L, 1);
    int err = program_find(name, &path);
    if (err)
        return lua_push_failure(L, name, err);
    lua_pushstring(L, path);
    free(path);
    return 1;
}

/// Becomes another program; returns only when that fails.
// @function exec
// @string path
// @tparam table argv list of strings, the name first
static int l_exec(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    char **argv = lua_check_argv(L, 2);
    return lua_push_failure(L, path, program_exec(path, argv));
}

/// Starts a program as a child of this process, under its trace, stopped before its first
/// instruction.
// @function launch
// @tparam table argv list of strings, the program's name or path first
// @treturn[1] inferior
// @treturn[2] nil, message, errno
static int l_launch(lua_State *L)
{
    char *path;
    char **argv = lua_check_argv(L, 1);
    struct inferior *inferior = lua_new_inferior(L);
    int err = program_find(argv[0], &path);
    if (!err)
        err = launch_child(path, argv, inferior);
    free(path);
    return err ? lua_push_failure(L, argv[0], err) : 1;
}

/// Where this process is the first of its pid namespace: goes on in a child, and is an init for it.
// @function stay_as_init
// @treturn[1] boolean true, in the child
// @treturn[2] boolean false, and the exit status of the child, which has ended
// @treturn[3] nil, message, errno
static int l_stay_as_init(lua_State *L)
{
    pid_t child;
    int status = 0, err = init_fork(&child);
    if (!err && child)
        err = init_run(child, &status);
    if (err)
        return lua_push_failure(L, "init", err);
    lua_pushboolean(L, !child);
    lua_pushinteger(L, status);
    return child ? 2 : 1;
}

void lua_add_launch(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"split", l_split}, {"find", l_find}, {"exec", l_exec}, {"launch", l_launch},
        {"stay_as_init", l_stay_as_init}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
