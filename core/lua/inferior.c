/* SPDX-License-Identifier: Apache-2.0 */
#include "lua/inferior.h"
#include "lua/open.h"
#include "lua/util.h"
#include "ptrace/pending.h"
#include "ptrace/run.h"

#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>

struct handle {
    struct inferior inferior;
    bool closed;
};

struct inferior *bind_new_inferior(lua_State *L)
{
    struct handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    memset(handle, 0, sizeof *handle);
    handle->inferior.mem = handle->inferior.pidfd = -1;
    luaL_setmetatable(L, INFERIOR_TYPE);
    return &handle->inferior;
}

struct inferior *bind_check_inferior(lua_State *L, int index)
{
    struct handle *handle = luaL_checkudata(L, index, INFERIOR_TYPE);
    luaL_argcheck(L, !handle->closed, index, "inferior is closed");
    return &handle->inferior;
}

struct tracee *bind_opt_thread(lua_State *L, int index, struct inferior *inferior)
{
    bool given = !lua_isnoneornil(L, index);
    return inferior_thread(inferior, given ? bind_check_pid(L, index) : 0);
}

int bind_no_thread(lua_State *L, int index, struct inferior *inferior)
{
    bool given = !lua_isnoneornil(L, index);
    return inferior_no_thread(inferior, given ? bind_check_pid(L, index) : 0);
}

void bind_add_methods(lua_State *L, const luaL_Reg methods[])
{
    luaL_getmetatable(L, INFERIOR_TYPE);
    lua_getfield(L, -1, "__index");
    luaL_setfuncs(L, methods, 0);
    lua_pop(L, 2);
}

/// The process id, as this process knows it.
// @function inferior:pid
// @treturn int
// @usage
// print(tiexec.status(inferior:pid(), "TracerPid") > 0) --> true
static int l_pid(lua_State *L)
{
    lua_pushinteger(L, bind_check_inferior(L, 1)->pid);
    return 1;
}

/// The ids of all threads.
// @function inferior:threads
// @treturn table list of ids; the selected thread comes first
// @usage
// local event = inferior:advance("in_thread")
// print(#inferior:threads(), inferior:threads()[1] == event.thread) --> 2 true
static int l_threads(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    lua_Integer n = 0;
    lua_newtable(L);
    if (inferior_find(inferior, inferior->selected)) {
        lua_pushinteger(L, inferior->selected);
        lua_rawseti(L, -2, ++n);
    }
    for (size_t i = 0; i < inferior->thread_count; i++) {
        if (inferior->threads[i].tid == inferior->selected)
            continue;
        lua_pushinteger(L, inferior->threads[i].tid);
        lua_rawseti(L, -2, ++n);
    }
    return 1;
}

/// Sets whether processes that the inferior starts are traced too. `wait` tells of each with a
// "fork" or "vfork" event, and the script must adopt it. At first they are not traced. The selected
// thread must be stopped. What was not told of yet is let go when this is set to false.
// @function inferior:follow_fork
// @bool follow
// @bool[opt] tells_done whether the end of each vfork is told, too, as "vfork-done": the child has
// become another program, or has ended
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (EBUSY: the selected thread runs; ESRCH: it is gone)
// @usage
// inferior:follow_fork(true)
// local event
// repeat
//     inferior:cont()
//     event = inferior:wait()
// until event.reason == "fork"
// print(tiexec.status(event.child, "TracerPid") > 0) --> true
static int l_follow_fork(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    bool follow = lua_toboolean(L, 2), tells_done = follow && lua_toboolean(L, 3);
    int err = inferior_follow_fork(inferior, follow, tells_done);
    if (!err && !follow)
        pending_drop_forks(inferior);
    return bind_push_result(L, "follow_fork", err);
}

/// Tells what `follow_fork` has set.
// @function inferior:follows_fork
// @treturn boolean
// @local
static int l_follows_fork(lua_State *L)
{
    const struct inferior *inferior = bind_check_inferior(L, 1);
    lua_pushboolean(L, inferior->follows);
    return 1;
}

/// Gives a number that stays the same for as long as all threads stand still.
// @function inferior:moment
// @treturn ?int nil: some thread runs, or there is none
// @local
static int l_moment(lua_State *L)
{
    uint64_t moment;
    if (inferior_moment(bind_check_inferior(L, 1), &moment))
        lua_pushinteger(L, (lua_Integer)moment);
    else
        lua_pushnil(L);
    return 1;
}

/// Tells, and sets, whether the kernel kills the process when this one ends without having let it
// go. It does so for a process that was launched, and not for one that was attached to. To set it
// the selected thread must be stopped.
// @function inferior:exit_kill
// @bool[opt] on
// @treturn[1] boolean true; without `on`: whether it does
// @treturn[2] nil, message, errno (EBUSY: the selected thread runs; ESRCH: it is gone)
// @usage
// inferior:exit_kill(false) -- if the script is killed the program runs on
// inferior:detach()
static int l_exit_kill(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    if (lua_isnone(L, 2)) {
        lua_pushboolean(L, (inferior->options & PTRACE_O_EXITKILL) != 0);
        return 1;
    }
    bool on = lua_toboolean(L, 2);
    return bind_push_result(L, "exit_kill", inferior_exit_kill(inferior, on));
}

/// Sets whether a thread that is made to execute system calls is kept on the CPU of this process
// until it goes on: a call takes a fifth of the time then, where other CPUs idle. Only calls of
// memory and files (mmap, munmap, mprotect, mremap, madvise, openat, close, prctl) are made so;
// before any other the thread may run wherever it might before. It is done only while the kernel
// kills the process with this one (`exit_kill`), since it would stay on one CPU else, and where
// both may run on all CPUs. At first it is not: who looks at a stopped process would see that it
// may run on one CPU.
// @function inferior:stay_beside
// @bool on
// @usage
// inferior:stay_beside(true)
// local page = inferior:remote_syscall("mmap", 0, 4096, 0, 0x22, -1, 0)
// inferior:remote_syscall("munmap", page, 4096)
// inferior:stay_beside(false)
static int l_stay_beside(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    inferior_stay_beside(inferior, lua_toboolean(L, 2));
    return 0;
}

/// Sets whether `wait_any` and `wait` leave out signals, stops by job control and ends of single
// threads. The inferior gets its signals all the same, as with GDB's "handle SIGNAL nostop noprint
// pass".
// @function inferior:pass_signals
// @bool on
// @usage
// inferior:pass_signals(true)
// inferior:cont()
// print(inferior:wait().reason) --> exited
static int l_pass_signals(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    inferior->passes_signals = lua_toboolean(L, 2);
    return 0;
}

/// Sets whether a signal that comes while `interrupt` stops the threads is told by the next `wait`
// before it is delivered. At first it is not: it is delivered at once.
// @function inferior:keep_signals
// @bool on
// @usage
// local inferior <close> = assert(tiexec.attach(pid))
// inferior:keep_signals(true)
// inferior:cont()
// os.execute("kill -USR1 " .. pid)
// inferior:interrupt()
// inferior:cont()
// print(inferior:wait().signal_name) --> SIGUSR1
static int l_keep_signals(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    inferior->keeps_signals = lua_toboolean(L, 2);
    return 0;
}

/// Takes away the signal that has stopped the selected thread: resuming does not give it back.
// @function inferior:drop_signal
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (EBUSY: the selected thread runs; ESRCH: it is gone)
// @usage
// inferior:cont()
// repeat
//     local event = inferior:wait()
//     if event.reason == "signal-received" then inferior:drop_signal() end -- it has no handler run
//     inferior:cont()
// until event.reason == "exited"
static int l_drop_signal(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    struct tracee *thread = inferior_thread(inferior, 0);
    if (thread)
        thread->signal = 0;
    return bind_push_result(L, "drop_signal", thread ? 0 : inferior_no_thread(inferior, 0));
}

/// Sets the longest that a remote system call, or a call of a function, may take. At first that is
// ten seconds.
// @function inferior:call_timeout
// @int timeout milliseconds
// @usage
// inferior:call_timeout(100)
// print(inferior:call("pause")) --> nil … 110
static int l_call_timeout(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    luaL_checkinteger(L, 2);
    inferior->call_ms = bind_opt_timeout(L, 2, 0);
    return 0;
}

/// Tells whether the process is there and is the one that was taken hold of: another process may
// have its id by now.
// @function inferior:is_same
// @treturn boolean
// @usage
// print(inferior:is_same()) --> true
// inferior:kill()
// inferior:wait()
// print(inferior:is_same()) --> false
static int l_is_same(lua_State *L)
{
    lua_pushboolean(L, inferior_is_same(bind_check_inferior(L, 1)));
    return 1;
}

/// Adds methods that are written in Lua to those of every inferior. A method of the same name is
// replaced.
// @function extend_inferior
// @tparam table methods functions by their names; anything else raises
// @treturn table the methods written in C that have been replaced, now or earlier, by their names
static int l_extend_inferior(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    luaL_getmetatable(L, INFERIOR_TYPE);
    lua_getfield(L, 2, "__index");
    luaL_getsubtable(L, LUA_REGISTRYINDEX, INFERIOR_TYPE " replaced");
    for (lua_pushnil(L); lua_next(L, 1);) {
        luaL_argcheck(L, lua_type(L, -2) == LUA_TSTRING && lua_isfunction(L, -1), 1,
                      "functions by their names expected");
        const char *name = lua_tostring(L, -2);
        lua_pushvalue(L, -2);
        if (lua_rawget(L, 3) != LUA_TNIL && lua_iscfunction(L, -1))
            lua_setfield(L, 4, name);
        else
            lua_pop(L, 1);
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, 3);
    }
    return 1;
}

/// Lets the process go if it is still traced, as `detach` does, and ends the use of this object:
// all its methods raise from now on. A process that must not run on without a tracer is killed. Lua
// does the same when it collects the object, and at the end of a block of a `<close>` variable.
// @function inferior:close
// @usage
// inferior:close() -- `local inferior <close>` does this at the end of a block
// print(inferior) --> inferior (process …, not traced)
static int l_close(lua_State *L)
{
    struct handle *handle = luaL_checkudata(L, 1, INFERIOR_TYPE);
    if (!handle->closed)
        inferior_let_go(&handle->inferior);
    if (!handle->closed)
        inferior_free(&handle->inferior);
    handle->closed = true;
    return 0;
}

static int l_tostring(lua_State *L)
{
    const struct handle *handle = luaL_checkudata(L, 1, INFERIOR_TYPE);
    lua_pushfstring(L, "inferior (process %d%s)", (int)handle->inferior.pid,
                    handle->closed || !handle->inferior.thread_count ? ", not traced" : "");
    return 1;
}

void bind_add_inferior(lua_State *L)
{
    static const luaL_Reg functions[] = {{"extend_inferior", l_extend_inferior}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"pid", l_pid},
        {"threads", l_threads},
        {"follow_fork", l_follow_fork},
        {"follows_fork", l_follows_fork},
        {"moment", l_moment},
        {"exit_kill", l_exit_kill},
        {"stay_beside", l_stay_beside},
        {"pass_signals", l_pass_signals},
        {"keep_signals", l_keep_signals},
        {"drop_signal", l_drop_signal},
        {"call_timeout", l_call_timeout},
        {"is_same", l_is_same},
        {"close", l_close},
        {NULL, NULL},
    };
    static const luaL_Reg meta[] = {
        {"__gc", l_close},
        {"__close", l_close},
        {"__tostring", l_tostring},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
    bind_make_type(L, INFERIOR_TYPE, methods, meta);
}
