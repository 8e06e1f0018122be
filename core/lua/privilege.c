/* SPDX-License-Identifier: Apache-2.0
 * Programs that run with other rights than those of their caller. */
#include "lua/open.h"
#include "lua/util.h"
#include "os/privilege.h"

/// Why exec of a file would give other rights than this process has.
// @function privilege_of
// @string path
// @treturn string "setuid", "setgid" or "capabilities"; nil: it would not
static int l_privilege_of(lua_State *L)
{
    lua_pushstring(L, privilege_of(luaL_checkstring(L, 1)));
    return 1;
}

void bind_add_privilege(lua_State *L)
{
    static const luaL_Reg functions[] = {{"privilege_of", l_privilege_of}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
