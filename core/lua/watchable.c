/* SPDX-License-Identifier: Apache-2.0 */
#include "front/watchable.h"
#include "lua/open.h"
#include "lua/util.h"

/// Says why the kernel will refuse to tell this process of others, as far as that is seen
// beforehand. A seccomp filter may end this process for the question.
// @function watch_refusal
// @local
// @int[opt=64] most CPUs that a host may have
// @treturn ?string nil: no reason is seen
// @treturn string what may follow such a reason: what does without a watch
static int l_watch_refusal(lua_State *L)
{
    char words[WATCHABLE_WORDS];
    lua_Integer most = luaL_optinteger(L, 1, WATCHABLE_CPUS);
    luaL_argcheck(L, most >= 0 && most <= 1 << 20, 1, "number of CPUs expected");
    lua_pushstring(L, watchable_refusal((unsigned)most, words)); /* nil for NULL */
    lua_pushstring(L, watchable_advice);
    return 2;
}

void bind_add_watchable(lua_State *L)
{
    static const luaL_Reg functions[] = {{"watch_refusal", l_watch_refusal}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
