/* SPDX-License-Identifier: Apache-2.0
 * Taking hold of processes that run or have just been born. */
#include "lua/inferior.h"
#include "lua/open.h"
#include "lua/util.h"
#include "proc/process.h"
#include "ptrace/attach.h"
#include "ptrace/collect.h"

#include <errno.h>
#include <signal.h>

/// Takes hold of a running process: all its threads are stopped, as by `interrupt`. The process
// loses nothing by it, be it signals, interrupted system calls or restartable sequences.
// @function attach
// @int pid the process id
// @int[opt=5000] timeout milliseconds
// @treturn[1] Inferior
// @treturn[1] number when its threads were first asked to stop: seconds, as `now` gives them
// @treturn[2] nil, message, errno (EPERM: it may not be traced; ESRCH: there is no such process;
// EINVAL: it is a thread of one; ETIMEDOUT: some thread waits where it cannot be stopped): then the
// process runs as before
// @usage
// local inferior <close> = assert(tiexec.attach(pid))
// print(inferior:read_string(inferior:symbol("greeting"))) --> hello
// inferior:detach() -- as the end of the script would
static int l_attach(lua_State *L)
{
    pid_t pid = bind_check_pid(L, 1);
    int timeout = (int)luaL_optinteger(L, 2, 5000);
    struct inferior *inferior = bind_new_inferior(L);
    int err = inferior_attach(inferior, pid, timeout);
    uint64_t group;
    if (err == -EINVAL && process_status(pid, "Tgid", 10, &group) == 0) {
        lua_pushnil(L);
        lua_pushfstring(L, "attach: %d is a thread of process %d", (int)pid, (int)group);
        lua_pushinteger(L, -err);
        return 3;
    }
    if (err)
        return bind_push_failure(L, "attach", err);
    lua_pushnumber(L, (lua_Number)inferior->stop_began / 1e9);
    return 2;
}

/// Takes the process of a "fork" or "vfork" event. It is stopped before it returns from fork.
// @function inferior:adopt
// @int child the event's `child`
// @treturn[1] Inferior
// @treturn[2] nil, message, errno (ESRCH: it has ended; ETIMEDOUT)
// @usage
// inferior:follow_fork(true)
// local event
// repeat
//     inferior:cont()
//     event = inferior:wait()
// until event.reason == "fork"
// local child <close> = inferior:adopt(event.child)
// child:cont()
// print(child:wait().exit_code) --> 3
static int l_adopt(lua_State *L)
{
    const struct inferior *parent = bind_check_inferior(L, 1);
    pid_t pid = bind_check_pid(L, 2);
    struct inferior *child = bind_new_inferior(L);
    int err = inferior_adopt(parent, pid, child);
    return err ? bind_push_failure(L, "adopt", err) : 1;
}

/// Tells whether from now on all signals of this process are blocked, so that the news of what it
// traces can be waited for with fewer system calls.
// @function own_signals
// @bool on
static int l_own_signals(lua_State *L)
{
    static struct sigaction before;
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    bool on = lua_toboolean(L, 1);
    if (on)
        sigaction(SIGCHLD, &usual, &before);
    else
        sigaction(SIGCHLD, &before, NULL);
    collect_own_signals(on);
    return 0;
}

void bind_add_attach(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"attach", l_attach}, {"own_signals", l_own_signals}, {NULL, NULL}};
    static const luaL_Reg methods[] = {{"adopt", l_adopt}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    bind_add_methods(L, methods);
}
