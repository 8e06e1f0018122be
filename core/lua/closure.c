/* SPDX-License-Identifier: Apache-2.0
 * What core/front finds out, for starts by Lua and for tests. */
#include "front/closure.h"
#include "front/library_cache.h"
#include "lua/open.h"
#include "lua/util.h"

#include <unistd.h>

static struct closure_rules check_rules(lua_State *L)
{
    return (struct closure_rules){.cache = luaL_optstring(L, 2, LIBRARY_CACHE),
                                  .huge = (uint64_t)luaL_optinteger(L, 3, 2 << 20),
                                  .page = (uint64_t)sysconf(_SC_PAGESIZE)};
}

/// Tells whether text of a program, or of a library that it needs, may come to lie on huge pages.
// @function may_gain
// @string path of the program
// @tparam[opt="/etc/ld.so.cache"] string cache the dynamic linker's list of libraries
// @int[opt=2 MiB] huge the size of a huge page, in bytes
// @treturn boolean false: certainly not
static int l_may_gain(lua_State *L)
{
    struct closure_rules rules = check_rules(L);
    enum closure_verdict verdict = closure_judge(luaL_checkstring(L, 1), &rules);
    lua_pushboolean(L, verdict != CLOSURE_NOTHING && verdict != CLOSURE_LATER);
    lua_pushboolean(L, verdict == CLOSURE_LATER);
    return 2;
}

/// Tells whether text of what a program needs may come to lie on huge pages: of its dynamic linker,
// of its libraries.
// @function libraries_may_gain
// @string path of the program
// @tparam[opt] string cache as above
// @int[opt] huge as above
// @treturn boolean false: certainly not
static int l_libraries_may_gain(lua_State *L)
{
    struct closure_rules rules = check_rules(L);
    lua_pushboolean(L, closure_libraries_may_gain(luaL_checkstring(L, 1), &rules));
    return 1;
}

/* Pushes the paths that the list has for a name. */
static void push_paths(lua_State *L, const struct library_cache *cache, const char *name)
{
    const char *path;
    uint32_t at = 0;
    lua_newtable(L);
    for (lua_Integer i = 1; (path = library_cache_find(cache, name, &at)); i++) {
        lua_pushstring(L, path);
        lua_rawseti(L, -2, i);
    }
}

/// Looks a library up in the dynamic linker's list.
// @function library_paths
// @string name as programs need it: "libc.so.6"
// @tparam[opt="/etc/ld.so.cache"] string cache
// @treturn table list of paths: for several models of the CPU there may be several
static int l_library_paths(lua_State *L)
{
    struct library_cache cache;
    const char *name = luaL_checkstring(L, 1);
    if (library_cache_open(luaL_optstring(L, 2, LIBRARY_CACHE), &cache)) {
        lua_newtable(L);
        return 1;
    }
    push_paths(L, &cache, name);
    library_cache_close(&cache);
    return 1;
}

void bind_add_closure(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"libraries_may_gain", l_libraries_may_gain},
        {"library_paths", l_library_paths},
        {"may_gain", l_may_gain},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
