/* SPDX-License-Identifier: Apache-2.0
 * What core/front finds out before Lua is started, for tests. */
#include "front/closure.h"
#include "lua/open.h"
#include "lua/util.h"

#include <unistd.h>

/// Tells whether text of a program, or of a library that it needs, may come to lie on huge pages.
// @function may_gain
// @string path of the program
// @tparam[opt="/etc/ld.so.cache"] string cache the dynamic linker's list of libraries
// @int[opt=2 MiB] huge the size of a huge page, in bytes
// @treturn boolean false: certainly not
static int l_may_gain(lua_State *L)
{
    struct closure_rules rules = {.cache = luaL_optstring(L, 2, "/etc/ld.so.cache"),
                                  .huge = (uint64_t)luaL_optinteger(L, 3, 2 << 20),
                                  .page = (uint64_t)sysconf(_SC_PAGESIZE)};
    enum closure_verdict verdict = closure_judge(luaL_checkstring(L, 1), &rules);
    lua_pushboolean(L, verdict != CLOSURE_NOTHING && verdict != CLOSURE_LATER);
    lua_pushboolean(L, verdict == CLOSURE_LATER);
    return 2;
}

void bind_add_closure(lua_State *L)
{
    static const luaL_Reg functions[] = {{"may_gain", l_may_gain}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
