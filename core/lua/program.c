/* SPDX-License-Identifier: Apache-2.0
 * Finding programs, and becoming one. */
#include "base/program.h"
#include "base/signals.h"
#include "lua/open.h"
#include "lua/util.h"

#include <stdlib.h>

/// Finds a program as execvp(3) would.
// @function find
// @string name
// @treturn[1] string path
// @treturn[2] nil, message, errno (ENOENT, EACCES; EISDIR: it is a folder)
// @usage
// print(tiexec.find("sh")) --> …/sh
// print(tiexec.find("no-such-program")) --> nil no-such-program: No such file or directory 2
static int l_find(lua_State *L)
{
    char *path;
    const char *name = luaL_checkstring(L, 1);
    int err = program_find(name, &path);
    if (err)
        return bind_push_failure(L, name, err);
    lua_pushstring(L, path);
    free(path);
    return 1;
}

static struct signals before;
static bool is_held;

void bind_release_signals(void)
{
    if (is_held)
        signals_release(&before);
    is_held = false;
}

/// Blocks the signals that a process brings upon itself (SIGPIPE, SIGXCPU and their like), until
// `exec`.
// @function hold_signals
static int l_hold_signals(lua_State *L)
{
    (void)L;
    if (!is_held)
        signals_hold(&before);
    is_held = true;
    return 0;
}

/// Becomes another program, with the signals as they were before `hold_signals`. Returns only when
// that fails.
// @function exec
// @string path
// @tparam table argv list of strings, the program's name first
// @treturn nil, message, errno
static int l_exec(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    char **argv = bind_check_argv(L, 2);
    bind_release_signals();
    return bind_push_failure(L, path, program_exec(path, argv));
}

void bind_add_program(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"find", l_find}, {"hold_signals", l_hold_signals}, {"exec", l_exec}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
