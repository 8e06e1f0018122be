/* SPDX-License-Identifier: Apache-2.0
 * Lines that somebody types. Completion calls a function of the script while readline waits: that
 * is the one place where a binding calls Lua before its work is done; what is raised there is lost,
 * and gives no candidates. */
#include "base/line.h"
#include "lua/open.h"
#include "lua/util.h"

#include <errno.h>
#include <stdlib.h>

#define COMPLETER 2 /* stack indices in read_line */
#define LIST      3

/* Gives the candidates of the list that the completer makes for the first of them. */
static const char *next_candidate(void *context, const char *line, size_t start, size_t stop,
                                  size_t index)
{
    lua_State *L = context;
    if (index == 0) {
        lua_settop(L, COMPLETER);
        lua_pushvalue(L, COMPLETER);
        lua_pushstring(L, line);
        lua_pushinteger(L, (lua_Integer)start + 1);
        lua_pushinteger(L, (lua_Integer)stop);
        if (lua_pcall(L, 3, 1, 0) != LUA_OK)
            return NULL;
    }
    lua_settop(L, LIST); /* the one before */
    if (!lua_istable(L, LIST))
        return NULL;
    lua_rawgeti(L, LIST, (lua_Integer)index + 1);
    return lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
}

/// Reads a line that somebody types, with editing and history.
// @function read_line
// @string prompt
// @func complete takes the line, and the first and the last position of a word in it; gives a list
// of what the word may become
// @treturn[1] string
// @treturn[2] nil, message, errno (EINTR: ^C was typed; ENODATA: there are no more lines; ELIBACC:
// libreadline.so.8 is not installed)
static int l_read_line(lua_State *L)
{
    const char *prompt = luaL_checkstring(L, 1);
    struct line_completer completer = {next_candidate, L};
    char *line = NULL;
    luaL_checktype(L, COMPLETER, LUA_TFUNCTION);
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    int err = line_open();
    if (!err)
        err = line_read(prompt, &completer, &line);
    if (err)
        return bind_push_failure(L, NULL, err);
    lua_pushstring(L, line);
    free(line);
    return 1;
}

/// Adds a line to the history of `read_line`.
// @function remember_line
// @string line
static int l_remember_line(lua_State *L)
{
    const char *line = luaL_checkstring(L, 1);
    if (line_open() == 0)
        line_remember(line);
    return 0;
}

/// Reads the history from a file, which need not be there.
// @function load_history
// @string path
// @int most lines that are kept
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (ELIBACC: libreadline.so.8 is not installed)
static int l_load_history(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    lua_Integer most = luaL_checkinteger(L, 2);
    int err = line_open();
    if (!err)
        line_load(path, (int)most);
    return bind_push_result(L, NULL, err);
}

/// Writes the history to a file, which this user alone may read.
// @function save_history
// @string path
// @treturn[1] boolean true
// @treturn[2] nil, message, errno
static int l_save_history(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    int err = line_open();
    if (!err)
        err = line_save(path);
    return bind_push_result(L, "history", err);
}

void bind_add_line(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"read_line", l_read_line},
        {"remember_line", l_remember_line},
        {"load_history", l_load_history},
        {"save_history", l_save_history},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
