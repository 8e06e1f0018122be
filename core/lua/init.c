/* SPDX-License-Identifier: Apache-2.0
 * Being process 1 of a pid namespace. */
#include "lua/open.h"
#include "lua/util.h"
#include "os/init.h"

/// Forks, where this process is the first of its pid namespace: the script goes on in the child,
// and this process stays as init until the child has ended.
// @function stay_as_init
// @treturn[1] boolean true, in the child
// @treturn[2] boolean false, when the child has ended
// @treturn[2] int the child's exit status, 128 + the signal's number if it was killed
// @treturn[3] nil, message, errno
static int l_stay_as_init(lua_State *L)
{
    pid_t child;
    int status = 0, err = init_fork(&child);
    if (!err && child)
        err = init_run(child, &status);
    if (err)
        return bind_push_failure(L, "init", err);
    lua_pushboolean(L, !child);
    lua_pushinteger(L, status);
    return child ? 2 : 1;
}

void bind_add_init(lua_State *L)
{
    static const luaL_Reg functions[] = {{"stay_as_init", l_stay_as_init}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
