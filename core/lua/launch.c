/* SPDX-License-Identifier: Apache-2.0
 * Starting a program under trace. */
#include "base/program.h"
#include "lua/inferior.h"
#include "lua/open.h"
#include "lua/util.h"
#include "ptrace/launch.h"

#include <stdio.h>
#include <stdlib.h>

/// Splits this process in two: the process that was there before shall become the target, and a
// new, detached process traces it.
// @function split
// @int timeout milliseconds that the target's side waits for the tracer
// @tparam[opt] file keep a file of Lua's io library that the tracer keeps open
// @treturn[1] string "tracer"
// @treturn[1] inferior the other side
// @treturn[2] string "target"
// @treturn[3] nil, message, errno: there is no tracer (EPERM: ptrace was refused; ETIMEDOUT)
static int l_split(lua_State *L)
{
    enum launch_side side;
    int timeout = (int)luaL_checkinteger(L, 1), keep = -1;
    if (!lua_isnoneornil(L, 2)) {
        const luaL_Stream *file = luaL_checkudata(L, 2, LUA_FILEHANDLE);
        luaL_argcheck(L, file->closef, 2, "file is closed");
        keep = fileno(file->f);
    }
    struct inferior *inferior = bind_new_inferior(L);
    int err = launch_split(timeout, keep, &side, inferior);
    if (err)
        return bind_push_failure(L, "ptrace", err);
    lua_pushstring(L, side == LAUNCH_TRACER ? "tracer" : "target");
    if (side == LAUNCH_TARGET)
        return 1;
    lua_pushvalue(L, -2);
    return 2;
}

/// Starts a program as a child of this process and under its trace, stopped before its first
// instruction.
// @function launch
// @tparam table argv list of strings; the first is the program's name, to be searched for in PATH,
// or its path
// @treturn[1] inferior
// @treturn[2] nil, message, errno (ENOENT: there is no such program; …)
static int l_launch(lua_State *L)
{
    char *path;
    char **argv = bind_check_argv(L, 1);
    struct inferior *inferior = bind_new_inferior(L);
    int err = program_find(argv[0], &path);
    if (!err)
        err = launch_child(path, argv, inferior);
    free(path);
    return err ? bind_push_failure(L, argv[0], err) : 1;
}

void bind_add_launch(lua_State *L)
{
    static const luaL_Reg functions[] = {{"split", l_split}, {"launch", l_launch}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
