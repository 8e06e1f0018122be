/* SPDX-License-Identifier: Apache-2.0
 * Finding programs, and becoming one. */
#include "base/library.h"
#include "base/program.h"
#include "base/signals.h"
#include "lua/open.h"
#include "lua/util.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

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

/* Where the program that is linked dynamically is, seen from the folder of the one that is not: in
 * a build tree, and where `make install` puts it. */
static const char *const dynamic[] = {"/dynamic/tiexec", "/../lib/tiexec/tiexec"};

/// Becomes the program that is linked dynamically, with the same command line, since it can use
// shared libraries: modules in C for Lua, and services that know users. Returns if this is that
// program, or if there is none.
// @function become_dynamic
// @tparam table argv list of strings, the program's name first
static int l_become_dynamic(lua_State *L)
{
    char own[PATH_MAX], path[PATH_MAX];
    char **argv = bind_check_argv(L, 1);
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    if (length <= 0 || library_may_load() || getauxval(AT_SECURE))
        return 0;
    own[length] = '\0';
    const char *folder = dirname(own);
    for (size_t i = 0; i < sizeof dynamic / sizeof *dynamic; i++)
        if (snprintf(path, sizeof path, "%s%s", folder, dynamic[i]) < (int)sizeof path)
            execv(path, argv);
    return 0;
}

void bind_add_program(lua_State *L)
{
    static const luaL_Reg functions[] = {{"find", l_find},
                                         {"hold_signals", l_hold_signals},
                                         {"exec", l_exec},
                                         {"become_dynamic", l_become_dynamic},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
