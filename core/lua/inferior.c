/* SPDX-License-Identifier: Apache-2.0
 * The inferior object: running, stopping, events, remote system calls. */
#include "lua/util.h"

#include "ptrace/attach.h"
#include "ptrace/remote.h"
#include "ptrace/run.h"
#include "ptrace/stop.h"
#include "ptrace/wait.h"

#include <errno.h>
#include <string.h>

struct handle {
    struct inferior inferior;
    bool closed;
};

struct inferior *lua_new_inferior(lua_State *L)
{
    struct handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    memset(handle, 0, sizeof *handle);
    handle->inferior.mem = -1;
    luaL_setmetatable(L, INFERIOR_TYPE);
    return &handle->inferior;
}

struct inferior *lua_check_inferior(lua_State *L, int index)
{
    struct handle *handle = luaL_checkudata(L, index, INFERIOR_TYPE);
    luaL_argcheck(L, !handle->closed, index, "inferior is closed");
    return &handle->inferior;
}

struct tracee *lua_opt_thread(lua_State *L, int index, struct inferior *inferior)
{
    return inferior_thread(inferior, (pid_t)luaL_optinteger(L, index, 0));
}

static const char *const reasons[] = {
    [EVENT_EXEC] = "exec",
    [EVENT_BREAKPOINT] = "breakpoint-hit",
    [EVENT_SIGNAL] = "signal-received",
    [EVENT_SYSCALL_ENTRY] = "syscall-entry",
    [EVENT_SYSCALL_RETURN] = "syscall-return",
    [EVENT_STEP] = "end-stepping-range",
    [EVENT_FORK] = "fork",
    [EVENT_VFORK] = "vfork",
    [EVENT_GROUP_STOP] = "group-stop",
    [EVENT_THREAD_EXITED] = "thread-exited",
    [EVENT_EXITED] = "exited",
    [EVENT_EXITED_SIGNALLED] = "exited-signalled",
};

static void set_signal(lua_State *L, int number)
{
    const char *name = sigabbrev_np(number);
    lua_set_integer(L, "signal", (uint64_t)number);
    if (name) {
        lua_pushfstring(L, "SIG%s", name);
        lua_setfield(L, -2, "signal_name");
    }
}

static void push_arguments(lua_State *L, const uint64_t arguments[6])
{
    lua_createtable(L, 6, 0);
    for (int i = 0; i < 6; i++) {
        lua_pushinteger(L, (lua_Integer)arguments[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "arguments");
}

static void push_event(lua_State *L, const struct event *event)
{
    lua_newtable(L);
    lua_set_string(L, "reason", reasons[event->reason]);
    lua_set_integer(L, "thread", (uint64_t)event->tid);
    switch (event->reason) {
    case EVENT_BREAKPOINT:
        lua_set_integer(L, "address", event->address);
        break;
    case EVENT_SYSCALL_ENTRY:
        lua_set_integer(L, "syscall", (uint64_t)event->value);
        push_arguments(L, event->arguments);
        break;
    case EVENT_SYSCALL_RETURN:
        lua_set_integer(L, "result", (uint64_t)event->value);
        break;
    case EVENT_FORK:
    case EVENT_VFORK:
        lua_set_integer(L, "child", (uint64_t)event->value);
        break;
    case EVENT_EXITED:
        lua_set_integer(L, "exit_code", (uint64_t)event->number);
        break;
    case EVENT_EXITED_SIGNALLED:
        lua_set_boolean(L, "core_dumped", event->core_dumped);
        set_signal(L, event->number);
        break;
    case EVENT_SIGNAL:
    case EVENT_GROUP_STOP:
        set_signal(L, event->number);
        break;
    case EVENT_EXEC:
    case EVENT_STEP:
    case EVENT_THREAD_EXITED:
        break;
    }
}

/* Pushes the object of `inferior` out of the table at `index`, or nil. */
static void push_same(lua_State *L, int index, const struct inferior *inferior)
{
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
        if (inferior && lua_touserdata(L, -1) == inferior) {
            lua_remove(L, -2);
            return;
        }
    lua_pushnil(L);
}

/// Waits for the next event. Only the thread it happened to is stopped by it.
// @function inferior:wait
// @int[opt] timeout milliseconds; none when absent
// @treturn[1] table `reason`, one of GDB/MI's ("exec", "breakpoint-hit", "signal-received",
// "syscall-entry", "syscall-return", "end-stepping-range", "fork", "vfork", "exited", "exited-signalled") or
// "group-stop", "thread-exited"; `thread`; and with it `address`, `signal` and `signal_name`,
// `syscall` and `arguments`, `result`, `child`, `exit_code`, `core_dumped`
// @treturn[2] nil, message, errno (ETIMEDOUT; ESRCH: nothing to wait for)
static int l_wait(lua_State *L)
{
    struct event event;
    struct inferior *inferior = lua_check_inferior(L, 1);
    int timeout = (int)luaL_optinteger(L, 2, -1);
    int err = inferior_wait(inferior, timeout, &event);
    if (err)
        return lua_push_failure(L, "wait", err);
    push_event(L, &event);
    return 1;
}

/// Waits for the next event of any inferior.
// @function wait_any
// @tparam table inferiors all that this process has, as the values of a table of any keys; none of them let go
// @int[opt] timeout milliseconds; none when absent
// @treturn[1] inferior the one to which it has happened
// @treturn[1] table event as `wait` gives it
// @treturn[2] nil, message, errno as `wait`; and the inferior with which it has failed, if that is known
static int l_wait_any(lua_State *L)
{
    struct event event;
    struct inferior *which = NULL;
    int timeout = (int)luaL_optinteger(L, 2, -1);
    size_t count = 0, i = 0;
    luaL_checktype(L, 1, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1), count++)
        lua_check_inferior(L, -1);
    struct inferior **list = lua_newuserdatauv(L, (count + 1) * sizeof(struct inferior *), 0);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1))
        list[i++] = lua_check_inferior(L, -1);
    int err = inferior_wait_any(list, count, timeout, &which, &event);
    if (err)
        lua_push_failure(L, "wait", err);
    push_same(L, 1, which);
    if (err)
        return 4;
    push_event(L, &event);
    return 2;
}

/// Resumes all stopped threads; pending signals are given back.
// @function inferior:cont
// @string[opt] how "syscall": the selected thread stops at its next system call entry or return
static int l_cont(lua_State *L)
{
    static const char *const ways[] = {"freely", "syscall", NULL};
    struct inferior *inferior = lua_check_inferior(L, 1);
    int way = luaL_checkoption(L, 2, "freely", ways);
    return lua_push_result(L, "cont", inferior_resume(inferior, way ? RESUME_SYSCALL : RESUME_CONT));
}

/// Changes the first argument of the system call that the selected thread is about to make; or puts it back
// at its return, where the register still has it.
// @function inferior:set_first_argument
// @int value
// @bool[opt] returned
static int l_set_first_argument(lua_State *L)
{
    struct arch_regs regs;
    struct inferior *inferior = lua_check_inferior(L, 1);
    uint64_t value = lua_check_address(L, 2);
    bool returned = lua_toboolean(L, 3);
    const struct tracee *thread = inferior_thread(inferior, 0);
    int err = thread ? arch_regs_get(thread->tid, &regs) : -ESRCH;
    if (!err && arch_set_first_argument(&regs, returned, value))
        err = arch_regs_set(thread->tid, &regs);
    return lua_push_result(L, "set_first_argument", err);
}

/// Resumes, the selected thread for one instruction: wait gives "end-stepping-range".
// @function inferior:stepi
static int l_stepi(lua_State *L)
{
    struct inferior *inferior = lua_check_inferior(L, 1);
    return lua_push_result(L, "stepi", inferior_resume(inferior, RESUME_STEP));
}

/// Stops all threads, and returns when they are.
// @function inferior:interrupt
// @int[opt=5000] timeout milliseconds
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (ETIMEDOUT: some thread waits where it cannot be stopped)
static int l_interrupt(lua_State *L)
{
    struct inferior *inferior = lua_check_inferior(L, 1);
    int timeout = (int)luaL_optinteger(L, 2, 5000);
    return lua_push_result(L, "interrupt", inferior_stop(inferior, timeout));
}

/// Lets the process go, running, and without breakpoints.
// @function inferior:detach
static int l_detach(lua_State *L)
{
    struct inferior *inferior = lua_check_inferior(L, 1);
    int err = inferior->thread_count ? inferior_detach(inferior) : -ESRCH;
    return lua_push_result(L, "detach", err);
}

/// SIGKILL. `wait` tells of the end.
// @function inferior:kill
static int l_kill(lua_State *L)
{
    struct inferior *inferior = lua_check_inferior(L, 1);
    return lua_push_result(L, "kill", inferior_kill(inferior));
}

/// Whether processes that it starts are traced too. They are told of by "fork" and "vfork" events, and must be
// adopted.
// @function inferior:follow_fork
// @bool follow
static int l_follow_fork(lua_State *L)
{
    struct inferior *inferior = lua_check_inferior(L, 1);
    bool follow = lua_toboolean(L, 2);
    return lua_push_result(L, "follow_fork", inferior_follow_fork(inferior, follow));
}

/// Whether the process is killed if this one is (SIGKILL). Processes that were attached to are not.
// @function inferior:exit_kill
// @bool on
static int l_exit_kill(lua_State *L)
{
    struct inferior *inferior = lua_check_inferior(L, 1);
    bool on = lua_toboolean(L, 2);
    return lua_push_result(L, "exit_kill", inferior_exit_kill(inferior, on));
}

/// Whether `wait` tells nothing of signals, stops by job control and threads that end: they just pass, as with
// GDB's "handle SIGNAL nostop noprint pass".
// @function inferior:pass_signals
// @bool on
static int l_pass_signals(lua_State *L)
{
    struct inferior *inferior = lua_check_inferior(L, 1);
    inferior->passes_signals = lua_toboolean(L, 2);
    return 0;
}

/// Takes hold of a running process: all its threads are stopped.
// @function attach
// @int pid
// @int[opt=5000] timeout milliseconds
// @treturn[1] inferior
// @treturn[2] nil, message, errno (ETIMEDOUT: some thread waits where it cannot be stopped)
static int l_attach(lua_State *L)
{
    pid_t pid = (pid_t)luaL_checkinteger(L, 1);
    int timeout = (int)luaL_optinteger(L, 2, 5000);
    struct inferior *inferior = lua_new_inferior(L);
    int err = inferior_attach(inferior, pid, timeout);
    return err ? lua_push_failure(L, "attach", err) : 1;
}

/// Takes the process of a "fork" or "vfork" event, stopped before it returns from fork.
// @function inferior:adopt
// @int child the event's
// @treturn[1] inferior
// @treturn[2] nil, message, errno
static int l_adopt(lua_State *L)
{
    const struct inferior *parent = lua_check_inferior(L, 1);
    pid_t pid = (pid_t)luaL_checkinteger(L, 2);
    struct inferior *child = lua_new_inferior(L);
    int err = inferior_adopt(parent, pid, child);
    return err ? lua_push_failure(L, "adopt", err) : 1;
}

/// Takes away the signal that stopped the selected thread: it will not be given back.
// @function inferior:drop_signal
static int l_drop_signal(lua_State *L)
{
    struct tracee *thread = inferior_thread(lua_check_inferior(L, 1), 0);
    if (thread)
        thread->signal = 0;
    return lua_push_result(L, "drop_signal", thread ? 0 : -ESRCH);
}

/// The ids of all threads.
// @function inferior:threads
// @treturn table list of ids; the selected one first
static int l_threads(lua_State *L)
{
    struct inferior *inferior = lua_check_inferior(L, 1);
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

/// Selects a thread: what register methods and remote system calls mean, until the next event.
// @function inferior:select
// @int thread
static int l_select(lua_State *L)
{
    struct inferior *inferior = lua_check_inferior(L, 1);
    pid_t tid = (pid_t)luaL_checkinteger(L, 2);
    return lua_push_result(L, "select", inferior_select(inferior, tid));
}

/// The process id.
// @function inferior:pid
static int l_pid(lua_State *L)
{
    lua_pushinteger(L, lua_check_inferior(L, 1)->pid);
    return 1;
}

/* A system call by name from stack index 2 on, with up to six integers. Raises for what is none. */
static long check_syscall(lua_State *L, uint64_t args[6])
{
    const char *name = luaL_checkstring(L, 2);
    long number = remote_syscall_number(name);
    int count = lua_gettop(L) - 2;
    if (number < 0)
        return luaL_argerror(L, 2, lua_pushfstring(L, "unknown system call '%s'", name));
    luaL_argcheck(L, count <= 6, 9, "a system call has at most six arguments");
    for (int i = 0; i < 6; i++)
        args[i] = i < count ? lua_check_address(L, 3 + i) : 0;
    return number;
}

/// Makes the selected thread, which must be stopped, execute a system call.
// @function inferior:remote_syscall
// @string name as in syscalls(2); an unknown one raises
// @param ... up to six integers
// @treturn[1] integer what the call returned
// @treturn[2] nil, message, errno: the call failed, or could not be run
static int l_remote_syscall(lua_State *L)
{
    uint64_t args[6];
    int64_t result = 0;
    struct inferior *inferior = lua_check_inferior(L, 1);
    long number = check_syscall(L, args);
    struct tracee *thread = inferior_thread(inferior, 0);
    int err = thread ? remote_syscall(inferior, thread, number, args, &result) : -ESRCH;
    if (!err && result < 0 && result > -4096)
        err = (int)result;
    if (err)
        return lua_push_failure(L, lua_tostring(L, 2), err);
    lua_pushinteger(L, result);
    return 1;
}

/// Sets the registers of the selected thread so that, when it goes on, it executes a system call in place of what
// it was at; what follows after that has no meaning. For calls that do not return: execve, exit_group.
// @function inferior:prepare_syscall
// @string name as in syscalls(2); an unknown one raises
// @param ... up to six integers
static int l_prepare_syscall(lua_State *L)
{
    uint64_t args[6];
    struct inferior *inferior = lua_check_inferior(L, 1);
    long number = check_syscall(L, args);
    struct tracee *thread = inferior_thread(inferior, 0);
    int err = thread ? remote_prepare(inferior, thread, number, args) : -ESRCH;
    return lua_push_result(L, lua_tostring(L, 2), err);
}

/* Collected or leaving its scope: what is still traced is let go rather than killed. */
static int l_close(lua_State *L)
{
    struct handle *handle = luaL_checkudata(L, 1, INFERIOR_TYPE);
    if (!handle->closed && handle->inferior.thread_count)
        inferior_detach(&handle->inferior);
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

/// Adds methods that are written in Lua to those of every inferior. One that is there already is replaced.
// @function extend_inferior
// @tparam table methods functions by their names
static int l_extend_inferior(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    luaL_getmetatable(L, INFERIOR_TYPE);
    lua_getfield(L, 2, "__index");
    for (lua_pushnil(L); lua_next(L, 1);) {
        luaL_argcheck(L, lua_type(L, -2) == LUA_TSTRING && lua_isfunction(L, -1), 1,
                      "functions by their names expected");
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, 3);
    }
    return 0;
}

void lua_add_inferior(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"wait", l_wait},       {"cont", l_cont},
        {"stepi", l_stepi},     {"interrupt", l_interrupt},
        {"detach", l_detach},   {"kill", l_kill},
        {"threads", l_threads}, {"pid", l_pid},
        {"drop_signal", l_drop_signal},
        {"follow_fork", l_follow_fork},
        {"exit_kill", l_exit_kill},
        {"pass_signals", l_pass_signals},
        {"select", l_select},
        {"adopt", l_adopt},
        {"close", l_close},     {"remote_syscall", l_remote_syscall},
        {"prepare_syscall", l_prepare_syscall}, {"set_first_argument", l_set_first_argument},
        {NULL, NULL}};
    static const luaL_Reg meta[] = {
        {"__gc", l_close}, {"__close", l_close}, {"__tostring", l_tostring}, {NULL, NULL}};
    lua_pushcfunction(L, l_attach);
    lua_setfield(L, -2, "attach");
    lua_pushcfunction(L, l_extend_inferior);
    lua_setfield(L, -2, "extend_inferior");
    lua_pushcfunction(L, l_wait_any);
    lua_setfield(L, -2, "wait_any");
    if (luaL_newmetatable(L, INFERIOR_TYPE)) {
        luaL_setfuncs(L, meta, 0);
        lua_newtable(L);
        luaL_setfuncs(L, methods, 0);
        lua_add_memory_methods(L);
        lua_add_register_methods(L);
        lua_add_breakpoint_methods(L);
        lua_add_cache_methods(L);
        lua_setfield(L, -2, "__index");
    }
    lua_getfield(L, -1, "__index");
    lua_setfield(L, -3, "inferior_methods"); /* scripts/tiexec adds those written in Lua */
    lua_pop(L, 1);
}
