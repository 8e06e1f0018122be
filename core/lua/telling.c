/* SPDX-License-Identifier: Apache-2.0
 * What is said of a program that has nothing to gain itself: core/front says the same. */
#include "front/telling.h"
#include "lua/open.h"
#include "lua/util.h"

static const char *const kinds[] = {"program", "shell", "script", "launcher", "linker", NULL};
static const char *const cares[] = {"watched", "traced", "unwatched", NULL};

/// Says what a file is by its name, or its first line: "program", "shell", "script", "launcher" or
// "linker" (a dynamic linker).
// @function start_kind
// @local
// @string path
// @tparam table argv list of strings, the program's name first
// @treturn string
// @treturn string the name of what a script, or a launcher, runs in the end; "": it is not clear
static int l_start_kind(lua_State *L)
{
    char runs[TELLING_NAME];
    const char *path = luaL_checkstring(L, 1);
    char **argv = bind_check_argv(L, 2);
    lua_pushstring(L, kinds[telling_kind(path, argv, runs)]);
    lua_pushstring(L, runs);
    return 2;
}

/// Makes the line about a program that had nothing to gain.
// @function start_line
// @local
// @string kind
// @string runs as `start_kind` gives both
// @string care "watched", "traced" or "unwatched": what is done about what comes of it
// @string[opt] why that is not watched
// @treturn string
static int l_start_line(lua_State *L)
{
    char line[TELLING_LINE];
    enum telling_kind kind = (enum telling_kind)luaL_checkoption(L, 1, NULL, kinds);
    const char *runs = luaL_checkstring(L, 2);
    enum telling_care care = (enum telling_care)luaL_checkoption(L, 3, NULL, cares);
    size_t size = telling_line(line, kind, runs, care, luaL_optstring(L, 4, NULL));
    lua_pushlstring(L, line, size);
    return 1;
}

void bind_add_telling(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"start_kind", l_start_kind},
        {"start_line", l_start_line},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
