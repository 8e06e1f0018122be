/* SPDX-License-Identifier: Apache-2.0
 * Being process 1 of a pid namespace. */
#include "lua/open.h"
#include "lua/util.h"
#include "os/init.h"

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
