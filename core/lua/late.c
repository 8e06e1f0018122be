/* SPDX-License-Identifier: Apache-2.0
 * What is looked for only when it is asked for: methods of inferiors that need modules which a
 * start does not. */
#include "lua/inferior.h"
#include "lua/open.h"

/// Has methods of inferiors looked up in a table when a script asks for one that is not there. The
// table may have a metatable that finds them.
// @function late_methods
// @tparam table methods functions by their names; it takes the place of a table that was given
// before
static int l_late_methods(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_getmetatable(L, INFERIOR_TYPE);
    lua_getfield(L, -1, "__index");
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    return 0;
}

void bind_add_late(lua_State *L)
{
    static const luaL_Reg functions[] = {{"late_methods", l_late_methods}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
