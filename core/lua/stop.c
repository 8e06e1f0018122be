/* SPDX-License-Identifier: Apache-2.0
 * Stopping threads in mid-run. */
#include "lua/inferior.h"
#include "lua/open.h"
#include "lua/util.h"
#include "ptrace/stop.h"

/// Stops all threads, and returns when they are stopped.
// @function inferior:interrupt
// @int[opt=5000] timeout milliseconds for which no thread has stopped
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (ETIMEDOUT: some thread waits where it cannot be stopped; ESRCH:
// the process has ended)
static int l_interrupt(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    int timeout = (int)luaL_optinteger(L, 2, 5000);
    return bind_push_result(L, "interrupt", inferior_stop(inferior, timeout));
}

/// Selects a thread. Register methods and remote system calls mean this thread until the next
// event.
// @function inferior:select
// @int thread id of a stopped thread
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (ESRCH: there is no such thread, or it is not stopped)
static int l_select(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    pid_t tid = bind_check_pid(L, 2);
    return bind_push_result(L, "select", inferior_select(inferior, tid));
}

void bind_add_stop(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"interrupt", l_interrupt},
        {"select", l_select},
        {NULL, NULL},
    };
    bind_add_methods(L, methods);
}
