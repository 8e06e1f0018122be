/* SPDX-License-Identifier: Apache-2.0
 * The end of a script: whatever ends it, what it holds is put right first. */
#include "base/ending.h"
#include "lua/open.h"
#include "ptrace/run.h"

#include <lauxlib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static lua_State *guarded;
static pid_t owner;

static void let_go(void)
{
    if (getpid() != owner) /* a copy of this process has nothing to let go */
        return;
    inferior_let_all_go();
    ending_finish();
}

/* Runs between two instructions of the script. A script that was told to end and does not is ended
 * by the second signal. */
static void on_hook(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    lua_sethook(L, NULL, 0, 0);
    if (getpid() == owner && ending_count() > 1)
        let_go();
    if (ending_interrupted())
        luaL_error(L, "interrupted");
    const char *name = sigabbrev_np(ending_signal());
    luaL_error(L, "interrupted by SIG%s", name ? name : "?");
}

/* Called in a signal handler. */
static void notify(void)
{
    lua_sethook(guarded, on_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}

/// Has every inferior let go, without breakpoints, before this process ends: by the end of the
// script, by os.exit, or by a signal that would end it at once (SIGINT, SIGTERM and the like). Such
// a signal raises an error in the script, so that what is to be closed is closed; then the process
// ends by the signal. A second one ends it wherever the script is.
// @function guard_end
static int l_guard_end(lua_State *L)
{
    if (owner == getpid())
        return 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    guarded = lua_tothread(L, -1);
    owner = getpid();
    atexit(let_go);
    ending_watch(notify);
    return 0;
}

/// Calls a function as pcall does, and has SIGINT raise an error in it. Outside of such calls
// SIGINT does nothing from then on. A signal that ends this process raises its error here.
// @function interruptible
// @func f
// @param ... its arguments
// @treturn[1] boolean true, and what `f` has returned
// @treturn[2] boolean false, and the error
static int l_interruptible(lua_State *L)
{
    luaL_checkany(L, 1);
    int top = lua_gettop(L);
    l_guard_end(L);
    lua_settop(L, top);
    ending_interrupts(true);
    int status = lua_pcall(L, top - 1, LUA_MULTRET, 0);
    ending_interrupts(false);
    if (ending_signal())
        return status == LUA_OK ? luaL_error(L, "interrupted") : lua_error(L);
    lua_sethook(guarded, NULL, 0, 0);
    lua_pushboolean(L, status == LUA_OK);
    lua_insert(L, 1);
    return lua_gettop(L);
}

/// Tells whether such a signal has come: then whoever has caught an error raises it again.
// @function is_ending
// @treturn boolean
// @local
static int l_is_ending(lua_State *L)
{
    lua_pushboolean(L, ending_signal() != 0);
    return 1;
}

void bind_add_ending(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"guard_end", l_guard_end},
        {"interruptible", l_interruptible},
        {"is_ending", l_is_ending},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
