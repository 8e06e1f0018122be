/* SPDX-License-Identifier: Apache-2.0
 * Errands: functions that a forked copy of this process calls while this one goes on. */
#include "lua/open.h"
#include "lua/util.h"
#include "os/errand.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define ERRAND_TYPE "tiexec.errand"

static struct errand *check(lua_State *L)
{
    struct errand *errand = luaL_checkudata(L, 1, ERRAND_TYPE);
    luaL_argcheck(L, errand->pid, 1, "the errand is over");
    return errand;
}

/* Runs in the copy: calls the function on top of the stack, and writes what it returns, or its
 * error. Nobody may be there any more to read it. */
static int run(void *context, int out)
{
    lua_State *L = context;
    size_t size;
    int status = lua_pcall(L, 0, 1, 0);
    const char *text = lua_tolstring(L, -1, &size);
    for (size_t done = 0; text && done < size;) {
        ssize_t n = send(out, text + done, size - done, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return status != LUA_OK;
}

/// Has a forked copy of this process call a function. The copy is never killed, and goes on
// whatever becomes of this process.
// @function errand
// @func f returns a string or nothing
// @treturn[1] errand
// @treturn[2] nil, message, errno
static int l_errand(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    struct errand *errand = lua_newuserdatauv(L, sizeof *errand, 0);
    lua_pushvalue(L, 1);
    int err = errand_start(errand, run, L);
    lua_pop(L, 1);
    if (err)
        return bind_push_failure(L, "fork", err);
    luaL_setmetatable(L, ERRAND_TYPE);
    return 1;
}

/// Waits for what the function returns.
// @function errand:wait
// @int timeout milliseconds
// @treturn[1] string "" for nothing
// @treturn[2] nil, message: the function has raised an error, or the copy was killed
// @treturn[3] nil, message, errno (ETIMEDOUT: it is not over yet)
static int l_wait(lua_State *L)
{
    struct errand *errand = check(L);
    int status, err = errand_wait(errand, bind_opt_timeout(L, 2, 0), &status);
    if (err)
        return bind_push_failure(L, "errand", err);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        lua_pushlstring(L, errand->text, errand->size);
        return 1;
    }
    lua_pushnil(L);
    if (WIFSIGNALED(status))
        lua_pushfstring(L, "killed by signal %d", WTERMSIG(status));
    else
        lua_pushlstring(L, errand->text, errand->size);
    return 2;
}

/// The id of the copy.
// @function errand:pid
// @treturn int
static int l_pid(lua_State *L)
{
    lua_pushinteger(L, check(L)->pid);
    return 1;
}

static int l_forget(lua_State *L)
{
    errand_forget(luaL_checkudata(L, 1, ERRAND_TYPE));
    return 0;
}

void bind_add_errand(lua_State *L)
{
    static const luaL_Reg functions[] = {{"errand", l_errand}, {NULL, NULL}};
    static const luaL_Reg methods[] = {{"wait", l_wait}, {"pid", l_pid}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", l_forget}, {"__close", l_forget}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    bind_make_type(L, ERRAND_TYPE, methods, meta);
}
