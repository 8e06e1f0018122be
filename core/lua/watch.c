/* SPDX-License-Identifier: Apache-2.0
 * Watching a process that is not traced. */
#include "arch.h"
#include "base/clock.h"
#include "lua/open.h"
#include "lua/util.h"
#include "os/watch.h"
#include "ptrace/collect.h"

#include <errno.h>
#include <signal.h>

#define WATCH_TYPE "tiexec.watch"
#define OWED_MS    50 /* between two looks whether a thread has stopped that is to be let go */

/// Watches a process from outside, without tracing it. SIGIO is blocked in this process from now
// on.
// @function watch
// @int pid
// @int address of an instruction
// @treturn[1] watch to be closed
// @treturn[1] string nil; or why the kernel refuses: then `wait` tells of the end alone
// @treturn[1] int its errno (ESRCH: the first thread has ended, as it does before another execs)
// @treturn[2] nil, message, errno
static int l_watch(lua_State *L)
{
    pid_t pid = (pid_t)luaL_checkinteger(L, 1);
    uint64_t address = bind_check_address(L, 2);
    struct watch *watch = lua_newuserdatauv(L, sizeof *watch, 0);
    sigset_t set;
    int refused = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGIO);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int err = watch_open(watch, pid, address, &refused);
    if (err)
        return bind_push_failure(L, "watch", err);
    luaL_setmetatable(L, WATCH_TYPE);
    if (!refused)
        return 1;
    bind_push_failure(L, "perf_event_open", refused);
    lua_remove(L, -3);
    return 3;
}

static struct watch *check(lua_State *L)
{
    struct watch *watch = luaL_checkudata(L, 1, WATCH_TYPE);
    luaL_argcheck(L, watch->process >= 0, 1, "watch is closed");
    return watch;
}

/* Waits for news. Threads that an earlier attach could not stop in time are let go meanwhile. */
static int wait_for_news(struct watch *watch, int timeout, enum watch_news *news)
{
    int64_t deadline = clock_deadline(timeout);
    for (;;) {
        int left = clock_left(deadline);
        bool owes = collect_owes() && (left < 0 || left > OWED_MS);
        int err = watch_wait(watch, owes ? OWED_MS : left, news);
        if (err != -ETIMEDOUT || !owes)
            return err;
    }
}

/// Waits for news of the process.
// @function watch:wait
// @int[opt] timeout milliseconds; without it the wait may last for ever
// @treturn[1] string "hit": some thread has come to the address; "exec": the process has perhaps
// become another program; "ended"
// @treturn[2] nil, message, errno (ETIMEDOUT)
static int l_wait(lua_State *L)
{
    static const char *const names[] = {
        [WATCH_HIT] = "hit", [WATCH_EXEC] = "exec", [WATCH_END] = "ended"};
    struct watch *watch = check(L);
    enum watch_news news;
    int err = wait_for_news(watch, (int)luaL_optinteger(L, 2, -1), &news);
    if (err)
        return bind_push_failure(L, "wait", err);
    lua_pushstring(L, names[news]);
    return 1;
}

/// Tells whether each hit is told. On some CPUs hits may cease once the process was traced
// meanwhile.
// @function watch:is_reliable
// @treturn boolean
static int l_is_reliable(lua_State *L)
{
    check(L);
    lua_pushboolean(L, !ARCH_LOSES_BREAKPOINTS);
    return 1;
}

static int l_close(lua_State *L)
{
    struct watch *watch = luaL_checkudata(L, 1, WATCH_TYPE);
    if (watch->process >= 0)
        watch_close(watch);
    return 0;
}

void bind_add_watch(lua_State *L)
{
    static const luaL_Reg functions[] = {{"watch", l_watch}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"wait", l_wait},
        {"is_reliable", l_is_reliable},
        {"close", l_close},
        {NULL, NULL},
    };
    static const luaL_Reg meta[] = {{"__gc", l_close}, {"__close", l_close}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    bind_make_type(L, WATCH_TYPE, methods, meta);
}
