/* SPDX-License-Identifier: Apache-2.0
 * Setting threads going: resuming, letting go, killing. */
#include "lua/inferior.h"
#include "lua/open.h"
#include "lua/util.h"
#include "ptrace/run.h"

#include <errno.h>

/// Resumes all stopped threads. They get the signals that have stopped them.
// @function inferior:cont
// @string[opt="freely"] how "syscall": the selected thread stops at its next system call entry or
// return
// @treturn[1] boolean true
// @treturn[2] nil, message, errno
static int l_cont(lua_State *L)
{
    static const char *const ways[] = {"freely", "syscall", NULL};
    struct inferior *inferior = bind_check_inferior(L, 1);
    int way = luaL_checkoption(L, 2, "freely", ways);
    int err = inferior_resume(inferior, way ? RESUME_SYSCALL : RESUME_CONT);
    return bind_push_result(L, "cont", err);
}

/// Resumes all stopped threads, the selected one for one instruction. Then `wait` gives
// "end-stepping-range".
// @function inferior:stepi
// @treturn[1] boolean true
// @treturn[2] nil, message, errno
static int l_stepi(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    return bind_push_result(L, "stepi", inferior_resume(inferior, RESUME_STEP));
}

/// Removes all breakpoints and lets the process go; it runs on. Threads that run are stopped for
// it.
// @function inferior:detach
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (ESRCH: it has ended, or was let go before)
static int l_detach(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    int err = inferior->thread_count ? inferior_detach(inferior) : -ESRCH;
    return bind_push_result(L, "detach", err);
}

/// Sends SIGKILL to the process. `wait` tells of the end.
// @function inferior:kill
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (ESRCH: it has ended before)
static int l_kill(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    return bind_push_result(L, "kill", inferior_kill(inferior));
}

void bind_add_run(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"cont", l_cont},
        {"stepi", l_stepi},
        {"detach", l_detach},
        {"kill", l_kill},
        {NULL, NULL},
    };
    bind_add_methods(L, methods);
}
