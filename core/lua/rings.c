/* SPDX-License-Identifier: Apache-2.0
 * Watching a family of processes by the kernel's records of what they do. */
#include "base/clock.h"
#include "lua/open.h"
#include "lua/util.h"
#include "os/rings.h"
#include "ptrace/collect.h"

#include <errno.h>
#include <stdlib.h>

#define RINGS_TYPE "tiexec.rings"
#define OWED_MS    50 /* between two looks whether a thread has stopped that is to be let go */

static struct rings *check(lua_State *L)
{
    struct rings *rings = luaL_checkudata(L, 1, RINGS_TYPE);
    luaL_argcheck(L, rings->poller >= 0, 1, "rings are closed");
    return rings;
}

/// Prepares to watch a family of processes, without tracing them.
// @function rings
// @int size of the ring for each CPU, in bytes: a power of two, of at least a page
// @treturn[1] rings to be closed
// @treturn[2] nil, message, errno
static int l_rings(lua_State *L)
{
    uint64_t size = bind_check_address(L, 1);
    luaL_argcheck(L, size >= 4096 && size <= 1 << 30 && (size & (size - 1)) == 0, 1, "no size");
    struct rings *rings = lua_newuserdatauv(L, sizeof *rings, 0);
    int err = rings_open(rings, (size_t)size);
    if (err)
        return bind_push_failure(L, "rings", err);
    luaL_setmetatable(L, RINGS_TYPE);
    return 1;
}

static pid_t check_thread(lua_State *L)
{
    return lua_isnoneornil(L, 2) ? RINGS_HOST : bind_check_pid(L, 2);
}

/// Begins to watch a thread and all that it starts from then on. That may take many milliseconds,
// in which this process goes on; nothing else may be done with the rings before `ready` tells.
// @function rings:begin
// @int[opt] tid without it, all of the host, of which execs alone are told
// @treturn[1] boolean true
// @treturn[2] nil, message, errno
static int l_begin(lua_State *L)
{
    struct rings *rings = check(L);
    return bind_push_result(L, "thread", rings_begin(rings, check_thread(L)));
}

/// Tells whether the watch stands.
// @function rings:ready
// @int timeout milliseconds for which it is waited for
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (ETIMEDOUT: not yet; ESRCH: the thread has ended; else the kernel
// refuses)
static int l_ready(lua_State *L)
{
    struct rings *rings = check(L);
    int err = rings_ready(rings, bind_opt_timeout(L, 2, 0));
    return bind_push_result(L, err == -ETIMEDOUT ? "wait" : "perf_event_open", err);
}

/// Begins to watch one more thread, and waits until that stands.
// @function rings:add
// @int[opt] tid as above
// @int[opt] from the number of the first CPU in question, as `grow` gives it
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (ESRCH: it has ended)
static int l_add(lua_State *L)
{
    struct rings *rings = check(L);
    pid_t tid = check_thread(L);
    size_t from = (size_t)luaL_optinteger(L, 3, 0);
    return bind_push_result(L, "perf_event_open", rings_add(rings, tid, from));
}

/// Looks for CPUs that have come online.
// @function rings:grow
// @treturn ?int for `add`, which must be called for each thread; nil: there are none
static int l_grow(lua_State *L)
{
    struct rings *rings = check(L);
    size_t before = rings_grow(rings);
    if (before == rings->count)
        lua_pushnil(L);
    else
        lua_pushinteger(L, (lua_Integer)before);
    return 1;
}

/* Waits for records. Threads that an earlier attach could not stop in time are let go meanwhile. */
static int wait_for_records(struct rings *rings, int timeout)
{
    int64_t deadline = clock_deadline(timeout);
    for (;;) {
        int left = clock_left(deadline);
        bool owes = collect_owes() && (left < 0 || left > OWED_MS);
        int err = rings_wait(rings, owes ? OWED_MS : left);
        if (err != -ETIMEDOUT || !owes)
            return err;
    }
}

/// Waits until there is something to read.
// @function rings:wait
// @int[opt] timeout milliseconds; without it the wait may last for ever
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (ETIMEDOUT; ESRCH: all have ended; there may be something to
// read)
static int l_wait(lua_State *L)
{
    struct rings *rings = check(L);
    return bind_push_result(L, "wait", wait_for_records(rings, bind_opt_timeout(L, 2, -1)));
}

static void push_record(lua_State *L, const struct rings_record *record)
{
    static const char *const kinds[] = {
        [RINGS_MAPPED] = "mapped",
        [RINGS_FORKED] = "forked",
        [RINGS_EXEC] = "exec",
        [RINGS_ENDED] = "ended",
    };
    lua_createtable(L, 0, 5);
    bind_set_string(L, "kind", kinds[record->kind]);
    bind_set_integer(L, "pid", (uint64_t)record->pid);
    bind_set_integer(L, "time", record->time);
    if (record->kind == RINGS_FORKED) {
        bind_set_integer(L, "tid", (uint64_t)record->tid);
        bind_set_integer(L, "parent", (uint64_t)record->parent);
    }
    if (record->kind == RINGS_MAPPED) {
        bind_set_integer(L, "start", record->start);
        bind_set_integer(L, "stop", record->start + record->size);
    }
}

/// Takes out what the kernel has told.
// @function rings:read
// @int least bytes of a mapping that is told of
// @bool[opt] threads whether new threads are told of, too
// @treturn table list of tables, in order of their `time` (CLOCK_MONOTONIC, in nanoseconds): `kind`
// ("mapped": executable memory of a file, with `start` and `stop`; "forked", with `tid` and
// `parent`, which is `pid` for a thread; "exec"; "ended": the first thread) and `pid`
// @treturn boolean whether something may have been lost
static int l_read(lua_State *L)
{
    struct rings *rings = check(L);
    uint64_t least = bind_check_address(L, 2);
    bool threads = lua_toboolean(L, 3), lost;
    struct rings_record *list;
    size_t count;
    rings_read(rings, least, threads, &list, &count, &lost);
    lua_createtable(L, count < 1 << 16 ? (int)count : 0, 0);
    for (size_t i = 0; i < count; i++) {
        push_record(L, &list[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    free(list);
    lua_pushboolean(L, lost);
    return 2;
}

static int l_close(lua_State *L)
{
    struct rings *rings = luaL_checkudata(L, 1, RINGS_TYPE);
    if (rings->poller >= 0)
        rings_close(rings);
    return 0;
}

void bind_add_rings(lua_State *L)
{
    static const luaL_Reg functions[] = {{"rings", l_rings}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"begin", l_begin}, {"ready", l_ready}, {"add", l_add},     {"grow", l_grow},
        {"wait", l_wait},   {"read", l_read},   {"close", l_close}, {NULL, NULL},
    };
    static const luaL_Reg meta[] = {{"__gc", l_close}, {"__close", l_close}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    bind_make_type(L, RINGS_TYPE, methods, meta);
}
