/* SPDX-License-Identifier: Apache-2.0
 * This process itself. */
#include "base/clock.h"
#include "lua/open.h"
#include "lua/util.h"

#include <signal.h>
#include <sys/auxv.h>
#include <unistd.h>

/// Reads, and changes, the signals that this process blocks: bit n-1 is signal n.
// @function signal_mask
// @int[opt] mask to be set
// @treturn int the mask as it was before
static int l_signal_mask(lua_State *L)
{
    sigset_t new, old;
    bool set = !lua_isnoneornil(L, 1);
    uint64_t mask = set ? bind_check_address(L, 1) : 0, before = 0;
    sigemptyset(&new);
    for (int n = 1; n <= 64; n++)
        if (mask >> (n - 1) & 1)
            sigaddset(&new, n);
    sigprocmask(SIG_SETMASK, set ? &new : NULL, &old);
    for (int n = 1; n <= 64; n++)
        before |= sigismember(&old, n) == 1 ? UINT64_C(1) << (n - 1) : 0;
    lua_pushinteger(L, (lua_Integer)before);
    return 1;
}

/// Takes a blocked signal that is pending, without a wait.
// @function take_signal
// @int number of the signal
// @treturn boolean whether there was one
static int l_take_signal(lua_State *L)
{
    struct timespec at_once = {0, 0};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, (int)luaL_checkinteger(L, 1));
    lua_pushboolean(L, sigtimedwait(&set, NULL, &at_once) > 0);
    return 1;
}

/// The time of a clock that never goes back.
// @function now
// @treturn number seconds since some moment in the past
// @usage
// local before = tiexec.now()
// inferior:call("count", 1)
// print(("%.1f ms"):format((tiexec.now() - before) * 1000)) --> … ms
static int l_now(lua_State *L)
{
    lua_pushnumber(L, (double)clock_now() / 1e9);
    return 1;
}

/// Does nothing for a while. A signal may end the pause early.
// @function pause
// @int milliseconds less than 1000
static int l_pause(lua_State *L)
{
    lua_Integer milliseconds = luaL_checkinteger(L, 1);
    luaL_argcheck(L, milliseconds >= 0 && milliseconds < 1000, 1, "0 to 999 expected");
    clock_sleep((long)milliseconds * 1000000);
    return 0;
}

/// Tells whether a file descriptor is a terminal.
// @function isatty
// @int fd
// @treturn boolean
static int l_isatty(lua_State *L)
{
    lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
    return 1;
}

/// The id of this process.
// @function getpid
// @treturn int
static int l_getpid(lua_State *L)
{
    lua_pushinteger(L, getpid());
    return 1;
}

/// Whether this process has other rights than its caller (AT_SECURE). Then it must not obey what
// the caller's environment says.
// @function is_secure
// @treturn boolean
static int l_is_secure(lua_State *L)
{
    lua_pushboolean(L, getauxval(AT_SECURE) != 0);
    return 1;
}

void bind_add_self(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"signal_mask", l_signal_mask},
        {"take_signal", l_take_signal},
        {"now", l_now},
        {"pause", l_pause},
        {"isatty", l_isatty},
        {"getpid", l_getpid},
        {"is_secure", l_is_secure},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
