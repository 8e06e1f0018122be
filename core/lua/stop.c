/* SPDX-License-Identifier: Apache-2.0
 * Stopping threads in mid-run. */
#include "lua/inferior.h"
#include "lua/open.h"
#include "lua/util.h"
#include "ptrace/stop.h"

#include <errno.h>

/// Stops all threads, and returns when they are stopped. Signals that come first are delivered.
// What else happens meanwhile is told by the next `wait`: a breakpoint that is hit, the end.
// @function inferior:interrupt
// @int[opt=5000] timeout milliseconds for which no thread has stopped
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (ETIMEDOUT: some thread waits where it cannot be stopped; ESRCH:
// the process has ended)
// @usage
// local inferior <close> = assert(tiexec.launch { "./example", "forever" })
// inferior:cont()
// print(inferior:stop_reason()) --> running
// inferior:interrupt()
// print(inferior:stop_reason()) --> interrupted
static int l_interrupt(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    int timeout = bind_opt_timeout(L, 2, 5000);
    return bind_push_result(L, "interrupt", inferior_stop(inferior, timeout));
}

/// Selects a thread. Register methods and remote system calls mean this thread until the next
// event.
// @function inferior:select
// @int thread id of a stopped thread
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (EBUSY: it runs; ESRCH: there is no such thread)
// @usage
// print(inferior:advance("in_thread").thread == inferior:pid()) --> false
// inferior:interrupt()
// inferior:select(inferior:pid()) -- the first thread
// print(inferior:threads()[1] == inferior:pid()) --> true
static int l_select(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    pid_t tid = bind_check_pid(L, 2);
    return bind_push_result(L, "select", inferior_select(inferior, tid));
}

/// Says why a thread has stopped: the reason of its last event, or "interrupted" if the tracer has
// stopped it.
// @function inferior:stop_reason
// @int[opt] thread its id; the selected one when absent
// @treturn[1] string a reason of `wait`, "interrupted", or "running"
// @treturn[2] nil, message, errno (ESRCH: there is no such thread)
// @usage
// print(inferior:stop_reason()) --> breakpoint-hit
static int l_stop_reason(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    pid_t tid = lua_isnoneornil(L, 2) ? inferior->selected : bind_check_pid(L, 2);
    const struct tracee *thread = inferior_find(inferior, tid);
    if (!thread)
        return bind_push_failure(L, "stop_reason", -ESRCH);
    if (thread->state == TRACEE_RUNNING)
        lua_pushstring(L, "running");
    else
        bind_push_reason(L, thread->stopped_by);
    return 1;
}

void bind_add_stop(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"interrupt", l_interrupt},
        {"select", l_select},
        {"stop_reason", l_stop_reason},
        {NULL, NULL},
    };
    bind_add_methods(L, methods);
}
