/* SPDX-License-Identifier: Apache-2.0
 * A terminal as a screen. */
#include "lua/open.h"
#include "lua/util.h"
#include "os/screen.h"

#include <errno.h>
#include <unistd.h>

#define SCREEN_TYPE "tiexec.screen"

static struct screen *check(lua_State *L)
{
    struct screen *screen = luaL_checkudata(L, 1, SCREEN_TYPE);
    luaL_argcheck(L, screen->alive >= 0, 1, "screen is closed");
    return screen;
}

/// Takes the terminal of standard input and output for a screen. Whatever ends this process, the
// terminal is put back.
// @function screen
// @treturn[1] screen to be closed
// @treturn[2] nil, message, errno (ENOTTY: one of them is no terminal)
static int l_screen(lua_State *L)
{
    struct screen *screen = lua_newuserdatauv(L, sizeof *screen, 0);
    int err = screen_open(screen, STDIN_FILENO, STDOUT_FILENO);
    if (err)
        return bind_push_failure(L, "terminal", err);
    luaL_setmetatable(L, SCREEN_TYPE);
    return 1;
}

/// Tells how large the screen is now.
// @function screen:size
// @treturn int rows
// @treturn int columns
static int l_size(lua_State *L)
{
    int rows, columns;
    screen_size(check(L), &rows, &columns);
    lua_pushinteger(L, rows);
    lua_pushinteger(L, columns);
    return 2;
}

/// Waits for a key.
// @function screen:key
// @int timeout milliseconds
// @treturn[1] int its first byte
// @treturn[2] nil, message, errno (ETIMEDOUT; EPIPE: the terminal is gone)
static int l_key(lua_State *L)
{
    int key = screen_key(check(L), bind_opt_timeout(L, 2, -1));
    if (key < 0)
        return bind_push_failure(L, "terminal", key);
    lua_pushinteger(L, key);
    return 1;
}

/// The process that puts the terminal back if this one cannot.
// @function screen:keeper
// @treturn int its id
static int l_keeper(lua_State *L)
{
    lua_pushinteger(L, check(L)->keeper);
    return 1;
}

static int l_close(lua_State *L)
{
    screen_close(luaL_checkudata(L, 1, SCREEN_TYPE));
    return 0;
}

void bind_add_screen(lua_State *L)
{
    static const luaL_Reg functions[] = {{"screen", l_screen}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"size", l_size}, {"key", l_key}, {"keeper", l_keeper}, {"close", l_close}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", l_close}, {"__close", l_close}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    bind_make_type(L, SCREEN_TYPE, methods, meta);
}
