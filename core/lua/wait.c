/* SPDX-License-Identifier: Apache-2.0
 * Waiting for events, and what Lua is told of them. */
#include "lua/inferior.h"
#include "lua/open.h"
#include "lua/stream.h"
#include "lua/util.h"
#include "ptrace/wait.h"

#include <string.h>

static const char *const reasons[] = {
    [EVENT_EXEC] = "exec",
    [EVENT_BREAKPOINT] = "breakpoint-hit",
    [EVENT_WATCHPOINT] = "watchpoint-trigger",
    [EVENT_SIGNAL] = "signal-received",
    [EVENT_SYSCALL_ENTRY] = "syscall-entry",
    [EVENT_SYSCALL_RETURN] = "syscall-return",
    [EVENT_STEP] = "end-stepping-range",
    [EVENT_FORK] = "fork",
    [EVENT_VFORK] = "vfork",
    [EVENT_VFORK_DONE] = "vfork-done",
    [EVENT_GROUP_STOP] = "group-stop",
    [EVENT_THREAD_EXITED] = "thread-exited",
    [EVENT_EXITED] = "exited",
    [EVENT_EXITED_SIGNALLED] = "exited-signalled",
};

void bind_push_reason(lua_State *L, int reason)
{
    lua_pushstring(L, reason < 0 ? "interrupted" : reasons[reason]);
}

static void set_signal(lua_State *L, int number)
{
    const char *name = sigabbrev_np(number);
    bind_set_integer(L, "signal", (uint64_t)number);
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

/* Sets a field to the value of up to eight bytes as an integer, since both CPUs are little-endian;
 * of other sizes as a byte string. */
static void set_value(lua_State *L, const char *name, const uint8_t *bytes, unsigned size)
{
    uint64_t value = 0;
    bool is_integer = size <= sizeof value && (size & (size - 1)) == 0;
    if (is_integer)
        memcpy(&value, bytes, size);
    if (is_integer)
        lua_pushinteger(L, (lua_Integer)value);
    else
        lua_pushlstring(L, (const char *)bytes, size);
    lua_setfield(L, -2, name);
}

/* GDB/MI's names by the kind of access. */
static const char *const touch_reasons[] = {
    [ARCH_DEBUG_WRITE] = "watchpoint-trigger",
    [ARCH_DEBUG_READ] = "read-watchpoint-trigger",
    [ARCH_DEBUG_ACCESS] = "access-watchpoint-trigger",
};

static void set_touch(lua_State *L, const struct touch *touch)
{
    bind_set_string(L, "reason", touch_reasons[touch->kind]);
    bind_set_integer(L, "point", touch->id);
    bind_set_integer(L, "address", touch->address);
    set_value(L, "old", touch->before, touch->size);
    set_value(L, "new", touch->now, touch->size);
}

static void push_event(lua_State *L, const struct event *event)
{
    lua_createtable(L, 0, 4);
    bind_set_string(L, "reason", reasons[event->reason]);
    bind_set_integer(L, "thread", (uint64_t)event->tid);
    switch (event->reason) {
    case EVENT_BREAKPOINT:
        bind_set_integer(L, "address", event->address);
        if (event->stepped)
            bind_set_boolean(L, "stepped", true);
        break;
    case EVENT_WATCHPOINT:
        set_touch(L, &event->touch);
        if (event->stepped)
            bind_set_boolean(L, "stepped", true);
        break;
    case EVENT_SYSCALL_ENTRY:
        bind_set_integer(L, "syscall", (uint64_t)event->value);
        push_arguments(L, event->arguments);
        break;
    case EVENT_SYSCALL_RETURN:
        bind_set_integer(L, "result", (uint64_t)event->value);
        if (event->syscall >= 0)
            bind_set_integer(L, "syscall", (uint64_t)event->syscall);
        break;
    case EVENT_FORK:
    case EVENT_VFORK:
        bind_set_integer(L, "child", (uint64_t)event->value);
        break;
    case EVENT_EXITED:
        bind_set_integer(L, "exit_code", (uint64_t)event->number);
        break;
    case EVENT_EXITED_SIGNALLED:
        bind_set_boolean(L, "core_dumped", event->core_dumped);
        set_signal(L, event->number);
        break;
    case EVENT_SIGNAL:
    case EVENT_GROUP_STOP:
        set_signal(L, event->number);
        break;
    case EVENT_EXEC:
    case EVENT_VFORK_DONE:
    case EVENT_STEP:
    case EVENT_THREAD_EXITED:
        break;
    }
}

/* Pushes the object that `inferior` belongs to out of the table at a stack index; nil: it is not
 * there. */
static void push_same(lua_State *L, int index, const struct inferior *inferior)
{
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
        if (inferior && lua_touserdata(L, -1) == inferior) {
            lua_remove(L, -2);
            return;
        }
    lua_pushnil(L);
}

/// Waits for the next event. Only the thread of the event is stopped by it, and becomes the
// selected one. `reason` is one of GDB/MI's ("exec", "breakpoint-hit", "signal-received",
// "syscall-entry", "syscall-return", "end-stepping-range", "watchpoint-trigger",
// "read-watchpoint-trigger", "access-watchpoint-trigger", "fork", "vfork", "exited",
// "exited-signalled") or "vfork-done", "group-stop" or "thread-exited".
// @function inferior:wait
// @int[opt] timeout milliseconds; without it the wait may last for ever
// @tparam[opt] Stream stream a wait ends, too, when there is something to read from it
// @treturn[1] Event `reason`, `thread` (its id) and, by the reason, `address`, `signal` and
// `signal_name`, `syscall` and `arguments` (six integers), `result`, `child`, `exit_code`,
// `core_dumped`
// @treturn[2] nil, message, errno (ETIMEDOUT; ECHILD: all threads are stopped; ESRCH: the process
// has ended, or was let go; EAGAIN: the stream)
// @usage
// local event
// repeat
//     inferior:cont()
//     event = assert(inferior:wait(5000))
//     if event.signal_name then print(event.reason, event.signal_name) end
// until event.reason == "exited"
// print(event.exit_code)
// --> signal-received SIGUSR1
// --> signal-received SIGCHLD
// --> 43
static int l_wait(lua_State *L)
{
    struct event event;
    struct inferior *inferior = bind_check_inferior(L, 1);
    int timeout = bind_opt_timeout(L, 2, -1);
    int err = inferior_wait_or(inferior, timeout, bind_opt_stream(L, 3), &event);
    if (err)
        return bind_push_failure(L, "wait", err);
    push_event(L, &event);
    return 1;
}

/// Waits for the next event of any inferior.
// @function wait_any
// @tparam table inferiors inferiors, none of them let go, as the values of a table with any keys
// @int[opt] timeout milliseconds; without it the wait may last for ever
// @tparam[opt] Stream stream as for `wait`
// @treturn[1] Inferior the one to which it has happened
// @treturn[1] table event as `wait` gives it
// @treturn[2] nil, message, errno as `wait`; and the inferior whose event has failed, if that is
// known
static int l_wait_any(lua_State *L)
{
    struct event event;
    struct inferior *which = NULL;
    int timeout = bind_opt_timeout(L, 2, -1);
    size_t count = 0, i = 0;
    luaL_checktype(L, 1, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1), count++)
        bind_check_inferior(L, -1);
    struct inferior **list = lua_newuserdatauv(L, (count + 1) * sizeof(struct inferior *), 0);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1))
        list[i++] = bind_check_inferior(L, -1);
    const struct wait_list these = {list, count, bind_opt_stream(L, 3)};
    int err = inferior_wait_any(&these, timeout, &which, &event);
    if (err)
        bind_push_failure(L, "wait", err);
    push_same(L, 1, which);
    if (err)
        return 4;
    push_event(L, &event);
    return 2;
}

void bind_add_wait(lua_State *L)
{
    static const luaL_Reg functions[] = {{"wait_any", l_wait_any}, {NULL, NULL}};
    static const luaL_Reg methods[] = {{"wait", l_wait}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    bind_add_methods(L, methods);
}
