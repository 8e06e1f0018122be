/* SPDX-License-Identifier: Apache-2.0
 * What gdb is told of the registers of this CPU. */
#include "arch.h"
#include "lua/open.h"
#include "lua/util.h"

/// The features of GDB's target description of this kind of CPU. The CPU may lack some.
// @function target_features
// @treturn string GDB's name of the architecture
// @treturn table list of `name`, `types` (XML) and `registers`: lines of words
static int l_target_features(lua_State *L)
{
    lua_pushstring(L, arch_gdb_name);
    lua_createtable(L, (int)arch_feature_count, 0);
    for (size_t i = 0; i < arch_feature_count; i++) {
        lua_createtable(L, 0, 3);
        bind_set_string(L, "name", arch_features[i].name);
        bind_set_string(L, "types", arch_features[i].types);
        bind_set_string(L, "registers", arch_features[i].registers);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 2;
}

void bind_add_description(lua_State *L)
{
    static const luaL_Reg functions[] = {{"target_features", l_target_features}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
