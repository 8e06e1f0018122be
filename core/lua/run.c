/* SPDX-License-Identifier: Apache-2.0
 * Setting threads going: resuming, letting go, killing. */
#include "lua/inferior.h"
#include "lua/open.h"
#include "lua/util.h"
#include "ptrace/go.h"
#include "ptrace/run.h"

#include <errno.h>
#include <string.h>

/* Reads the signal in the field `signal` of the table at `index`: a number, or a name with or
 * without SIG. */
static void check_signal(lua_State *L, int index, struct resume *resume)
{
    int type = lua_getfield(L, index, "signal");
    lua_Integer number = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : -1;
    const char *name = type == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    if (name && strncmp(name, "SIG", 3) == 0)
        name += 3;
    for (int i = 1; name && number < 0 && i < NSIG; i++) {
        const char *its = sigabbrev_np(i);
        if (its && strcmp(its, name) == 0)
            number = i;
    }
    luaL_argcheck(L, type == LUA_TNIL || (number >= 0 && number < NSIG), index, "no such signal");
    resume->sets_signal = type != LUA_TNIL;
    resume->signal = (int)number;
    lua_pop(L, 1);
}

/* Reads the field `thread` of the table at `index`. */
static void check_thread(lua_State *L, int index, struct resume *resume)
{
    if (lua_getfield(L, index, "thread") != LUA_TNIL)
        resume->thread = bind_check_pid(L, -1);
    lua_pop(L, 1);
}

/* Reads what a table says of how to resume. Raises for unknown fields. */
static void check_resume(lua_State *L, int index, struct resume *resume)
{
    check_signal(L, index, resume);
    check_thread(L, index, resume);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
        bool known = strcmp(key, "signal") == 0 || strcmp(key, "thread") == 0 ||
                     (strcmp(key, "how") == 0 && resume->how != RESUME_STEP);
        luaL_argcheck(L, known, index, "unknown field");
    }
}

static enum tracee_resume check_how(lua_State *L, int index)
{
    static const char *const ways[] = {"freely", "syscall", NULL};
    return luaL_checkoption(L, index, "freely", ways) ? RESUME_SYSCALL : RESUME_CONT;
}

/// Resumes stopped threads. They get the signals that have stopped them. A thread of which an event
// is yet to be told stays stopped.
// @function inferior:cont
// @param[opt="freely"] how "syscall": every thread stops at its next system call entry or return.
// Or a table: `how` is that; `thread` is the id of the only thread that is resumed; `signal`, a
// name or a number, is what that thread, or the selected one, gets in place of the signal that has
// stopped it (0: none)
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (EBUSY: the thread is running; ESRCH: there is none)
// @usage
// inferior:breakpoint("count")
// inferior:cont()
// print(inferior:wait().reason) --> breakpoint-hit
// inferior:cont { signal = "SIGTERM" } -- what has stopped it was no signal; this is one
// print(inferior:wait().signal_name) --> SIGTERM
static int l_cont(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    struct resume resume = {.how = RESUME_CONT};
    if (lua_istable(L, 2)) {
        lua_settop(L, 2);
        check_resume(L, 2, &resume);
        lua_getfield(L, 2, "how");
        resume.how = check_how(L, 3);
    } else {
        resume.how = check_how(L, 2);
    }
    return bind_push_result(L, "cont", inferior_resume_so(inferior, &resume));
}

/// Resumes all stopped threads, the selected one for one instruction. Then `wait` gives
// "end-stepping-range"; or, where the step leads to a breakpoint, that is hit. A system call is one
// instruction, and so is one round of a repeated one (`rep movsb`).
// @function inferior:stepi
// @tparam[opt] table options `thread` is the id of a thread that alone is resumed, for one
// instruction; `signal` as for `cont`
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (EBUSY: the thread is running; ESRCH: there is none)
// @usage
// local before = inferior:read_register("pc")
// inferior:stepi()
// print(inferior:wait().reason) --> end-stepping-range
// print(inferior:read_register("pc") ~= before) --> true
static int l_stepi(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    struct resume resume = {.how = RESUME_STEP};
    if (!lua_isnoneornil(L, 2)) {
        luaL_checktype(L, 2, LUA_TTABLE);
        check_resume(L, 2, &resume);
    }
    return bind_push_result(L, "stepi", inferior_resume_so(inferior, &resume));
}

/// Sets a thread going as it went before, after an event that is not to be told on.
// @function inferior:go_on
// @local
// @int thread
// @treturn[1] boolean true
// @treturn[2] nil, message, errno
static int l_go_on(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    return bind_push_result(L, "go_on", go_on(inferior, bind_check_pid(L, 2)));
}

/// Removes all breakpoints and watchpoints and lets the process go; it runs on. Threads that run
// are stopped for it.
// @function inferior:detach
// @int[opt=1000] timeout milliseconds that threads are given to stop
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (ESRCH: it has ended, or was let go before; EOPNOTSUPP: it has a
// seccomp filter of `catch_syscalls`, and would fail without a tracer; EIO: the memory of a
// breakpoint cannot be written to any more: it stays stopped, for it would die there)
// @usage
// local process = inferior:pid()
// inferior:detach()
// print(inferior:pid() == process, inferior:cont()) --> true nil cont: No such process 3
static int l_detach(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    int timeout = bind_opt_timeout(L, 2, 1000);
    int err = inferior->thread_count ? inferior_detach_within(inferior, timeout) : -ESRCH;
    return bind_push_result(L, "detach", err);
}

/// Sends SIGKILL to the process. `wait` tells of the end.
// @function inferior:kill
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (ESRCH: it has ended before)
// @usage
// inferior:kill()
// local event = inferior:wait()
// print(event.reason, event.signal_name) --> exited-signalled SIGKILL
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
        {"go_on", l_go_on},
        {"detach", l_detach},
        {"kill", l_kill},
        {NULL, NULL},
    };
    bind_add_methods(L, methods);
}
