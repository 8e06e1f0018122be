/* SPDX-License-Identifier: Apache-2.0
 * Starting a program under trace. */
#include "base/program.h"
#include "front/front.h"
#include "lua/inferior.h"
#include "lua/open.h"
#include "lua/util.h"
#include "os/identity.h"
#include "ptrace/launch.h"
#include "replay/replay.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/// Splits this process in two: the process that was there before shall become the target, and a
// new, detached process traces it.
// @function split
// @int timeout milliseconds that the target's side waits for the tracer
// @tparam[opt] file keep a file of Lua's io library that the tracer keeps open
// @treturn[1] string "tracer"
// @treturn[1] Inferior the other side
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

/* A child is made another user's; the context is a struct identity. */
static int become(void *context) { return identity_become(context, false); }

/* Gives the string field `name` of the options at index 2; NULL: there is none. */
static const char *string_option(lua_State *L, const char *name)
{
    if (lua_getfield(L, 2, name) != LUA_TNIL && lua_type(L, -1) != LUA_TSTRING)
        luaL_argerror(L, 2, lua_pushfstring(L, "field '%s' is no string", name));
    return lua_tostring(L, -1); /* the table keeps it, and the stack has it, too */
}

/* Gives the descriptor that the field `name` is: an integer, or a file of Lua's, which is made not
 * to be inherited otherwise. -1: there is none. */
static int file_option(lua_State *L, const char *name)
{
    if (lua_getfield(L, 2, name) == LUA_TNIL)
        return -1;
    if (lua_isinteger(L, -1)) {
        lua_Integer fd = lua_tointeger(L, -1);
        luaL_argcheck(L, fd >= 0 && fd <= INT_MAX, 2, "not a file descriptor");
        return (int)fd;
    }
    const luaL_Stream *file = luaL_testudata(L, -1, LUA_FILEHANDLE);
    if (!file || !file->closef)
        return luaL_argerror(L, 2, lua_pushfstring(L, "field '%s' is no open file", name));
    int fd = fileno(file->f);
    if (fd > STDERR_FILENO)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

static char *const *environment_option(lua_State *L)
{
    static char *const empty[] = {NULL};
    if (lua_getfield(L, 2, "environment") == LUA_TNIL)
        return NULL;
    if (lua_istable(L, -1) && lua_rawlen(L, -1) == 0)
        return empty;
    return bind_check_argv(L, lua_gettop(L));
}

/* Reads the options, which are a table at index 2 or missing. */
static struct launch_options check_options(lua_State *L)
{
    static const char *const files[] = {"stdin", "stdout", "stderr"};
    struct launch_options options = {.files = {-1, -1, -1}};
    if (lua_isnoneornil(L, 2))
        return options;
    luaL_checktype(L, 2, LUA_TTABLE);
    options.folder = string_option(L, "cwd");
    for (int i = 0; i < 3; i++)
        options.files[i] = file_option(L, files[i]);
    options.fixed_addresses = lua_getfield(L, 2, "aslr") == LUA_TBOOLEAN && !lua_toboolean(L, -1);
    options.environment = environment_option(L);
    return options;
}

static int push_launch_failure(lua_State *L, const char *name, enum launch_step step, int err)
{
    static const char *const steps[] = {
        [LAUNCH_EXEC] = "",
        [LAUNCH_FILES] = ": its standard files",
        [LAUNCH_ADDRESSES] = ": fixed addresses",
        [LAUNCH_USER] = ": becoming its user",
        [LAUNCH_FOLDER] = ": going to its folder",
    };
    return bind_push_failure(L, lua_pushfstring(L, "%s%s", name, steps[step]), err);
}

/// Starts a program as a child of this process and under its trace, stopped before its first
// instruction. `tiexec.launch` has more ways to say what it is given.
// @function launch
// @tparam table argv list of strings; the first is the program's name, to be searched for in PATH,
// or its path
// @tparam[opt] table options `path` (of the program, if that is known), `environment` (list of
// strings), `cwd`, `stdin`, `stdout`, `stderr` (descriptors of this process), `aslr`, `user`
// (USER[:GROUP]); what is absent is as this process has it
// @treturn[1] Inferior
// @treturn[2] nil, message, errno (ENOENT: there is no such program; …)
static int l_launch(lua_State *L)
{
    char *path = NULL;
    enum launch_step step = LAUNCH_EXEC;
    struct identity user = {0};
    lua_settop(L, 2);
    char **argv = bind_check_argv(L, 1);
    struct launch_options options = check_options(L);
    const char *name = lua_istable(L, 2) ? string_option(L, "user") : NULL;
    const char *known = lua_istable(L, 2) ? string_option(L, "path") : NULL;
    struct inferior *inferior = bind_new_inferior(L);
    int err = program_find(known ? known : argv[0], &path);
    if (!err && name) {
        step = LAUNCH_USER;
        err = identity_find(name, &user);
        options.become = become;
        options.context = &user;
    }
    if (!err)
        err = launch_child(path, argv, &options, inferior, &step);
    free(path);
    identity_free(&user);
    return err ? push_launch_failure(L, argv[0], step, err) : 1;
}

/// Gives the process for which this one was split off before Lua was started.
// @function take_tracee
// @treturn ?inferior nil: this process was not split, or is the target
static int l_take_tracee(lua_State *L)
{
    if (!front_tracee())
        return 0;
    int err = replay_take(bind_new_inferior(L));
    return err ? bind_push_failure(L, "the tracer", err) : 1;
}

/// Gives the process that this one watches, or is to watch, since before Lua was started.
// @function watched
// @treturn int its id; 0: this process is no watcher
// @treturn ?table the Range of the program, if that was served by the steps of an earlier start
static int l_watched(lua_State *L)
{
    uint64_t start, stop;
    lua_pushinteger(L, front_watched());
    if (!replay_served(&start, &stop))
        return 1;
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, (lua_Integer)start);
    lua_setfield(L, -2, "start");
    lua_pushinteger(L, (lua_Integer)stop);
    lua_setfield(L, -2, "stop");
    return 2;
}

/// Tells whether this process was split before Lua was started, is traced, and could not be
// executed as CMD.
// @function is_target
// @treturn boolean
static int l_is_target(lua_State *L)
{
    lua_pushboolean(L, front_is_target());
    return 1;
}

/// The environment of this process.
// @function environment
// @treturn table list of strings "NAME=value"
static int l_environment(lua_State *L)
{
    lua_newtable(L);
    for (lua_Integer i = 0; environ && environ[i]; i++) {
        lua_pushstring(L, environ[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

void bind_add_launch(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"split", l_split},
        {"take_tracee", l_take_tracee},
        {"watched", l_watched},
        {"is_target", l_is_target},
        {"launch", l_launch},
        {"environment", l_environment},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
