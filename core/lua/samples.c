/* SPDX-License-Identifier: Apache-2.0
 * Sampling the program counters of processes. */
#include "lua/open.h"
#include "lua/util.h"
#include "os/gate.h"
#include "os/samples.h"

#include <errno.h>
#include <sys/wait.h>

#define SAMPLES_TYPE "tiexec.samples"
#define HIGHEST      100000 /* samples in a second; the kernel has a lower limit of its own */

static int prepare(void *context)
{
    (void)context;
    return 0;
}

static unsigned check_frequency(lua_State *L, int index)
{
    lua_Integer frequency = luaL_checkinteger(L, index);
    luaL_argcheck(L, frequency > 0 && frequency <= HIGHEST, index, "not a frequency");
    return (unsigned)frequency;
}

static struct samples *new_samples(lua_State *L)
{
    struct samples *samples = lua_newuserdatauv(L, sizeof *samples, 0);
    *samples = (struct samples){.process = -1, .signals = -1};
    luaL_setmetatable(L, SAMPLES_TYPE);
    return samples;
}

/// Samples the program counters of a process, of all its threads and of all that it starts from now
// on. SIGINT, SIGTERM and SIGHUP are blocked in this process from now on: `wait` tells of them.
// @function sample
// @int pid
// @int frequency samples in a second of processor time
// @treturn[1] samples to be closed
// @treturn[2] nil, message, errno (EACCES, EPERM: the kernel forbids it)
static int l_sample(lua_State *L)
{
    pid_t pid = bind_check_pid(L, 1);
    unsigned frequency = check_frequency(L, 2);
    struct samples *samples = new_samples(L);
    int err = samples_open(samples, pid, frequency, false);
    return err ? bind_push_failure(L, "perf_event_open", err) : 1;
}

/// Starts a program as a child, and samples it from its exec on. Signals that other processes send
// to this one from now on are passed on to the child.
// @function sample_program
// @string path
// @tparam table argv list of strings
// @int frequency samples in a second of processor time
// @treturn[1] samples to be closed
// @treturn[2] nil, message, errno
// @treturn[2] boolean whether it is the sampling that failed, and not the start
static int l_sample_program(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    unsigned frequency = check_frequency(L, 3);
    char **argv = bind_check_argv(L, 2);
    struct samples *samples = new_samples(L);
    struct gate gate;
    int err = gate_fork(&gate, path, argv, prepare, NULL), start = err;
    if (!err)
        err = samples_open(samples, gate.pid, frequency, true);
    samples->is_child = true;
    if (!err)
        err = start = gate_open(&gate);
    if (!err)
        err = start = gate_close(&gate);
    else if (gate.fd >= 0)
        gate_drop(&gate);
    if (!err)
        return 1;
    bind_push_failure(L, start ? path : "perf_event_open", err);
    lua_pushboolean(L, !start);
    return 4;
}

static struct samples *check(lua_State *L)
{
    struct samples *samples = luaL_checkudata(L, 1, SAMPLES_TYPE);
    luaL_argcheck(L, samples->process >= 0, 1, "samples are closed");
    return samples;
}

/// What is counted to take samples at: "cycles", or "cpu-clock" where the host does not count them.
// @function samples:event
// @treturn string
static int l_event(lua_State *L)
{
    lua_pushstring(L, check(L)->event);
    return 1;
}

/// The process id.
// @function samples:pid
// @treturn int
static int l_pid(lua_State *L)
{
    lua_pushinteger(L, check(L)->pid);
    return 1;
}

/// Collects samples.
// @function samples:wait
// @int[opt] timeout milliseconds; without it the wait may last for ever
// @treturn[1] string "ended", "signal" (not of a program that was started) or "timeout"
// @treturn[2] nil, message, errno (ENOMEM: there are too many)
static int l_wait(lua_State *L)
{
    static const char *const names[] = {[SAMPLES_END] = "ended", [SAMPLES_SIGNAL] = "signal",
                                        [SAMPLES_TIMEOUT] = "timeout"};
    struct samples *samples = check(L);
    enum samples_news news = SAMPLES_END;
    int err = samples_wait(samples, bind_opt_timeout(L, 2, -1), &news);
    if (err)
        return bind_push_failure(L, "wait", err);
    lua_pushstring(L, names[news]);
    return 1;
}

/// Ends the sampling.
// @function samples:finish
// @treturn[1] int how many records there are
// @treturn[2] nil, message, errno
static int l_finish(lua_State *L)
{
    struct samples *samples = check(L);
    int err = samples->order ? -EALREADY : samples_finish(samples);
    if (err)
        return bind_push_failure(L, "samples", err);
    lua_pushinteger(L, (lua_Integer)samples->count);
    return 1;
}

/// Gives a record by its number, in the order of their times, after `finish`.
// @function samples:get
// @int number from 1 on
// @treturn[1] string "pc"
// @treturn[1] int pid
// @treturn[1] int the program counter
// @treturn[2] string "map", when memory becomes executable
// @treturn[2] int pid
// @treturn[2] int start
// @treturn[2] int size
// @treturn[2] int offset in the file
// @treturn[2] string path
// @treturn[3] string "fork"
// @treturn[3] int pid
// @treturn[3] int the parent's
// @treturn[4] string "exec"
// @treturn[4] int pid
// @treturn[5] string "lost"
// @treturn[5] int how many the kernel had no room for
static int l_get(lua_State *L)
{
    static const char *const names[] = {[SAMPLE_PC] = "pc", [SAMPLE_MAP] = "map",
                                        [SAMPLE_FORK] = "fork", [SAMPLE_EXEC] = "exec",
                                        [SAMPLE_LOST] = "lost"};
    struct samples *samples = check(L);
    lua_Integer number = luaL_checkinteger(L, 2);
    luaL_argcheck(L, number >= 1 && (uint64_t)number <= samples->count, 2, "no such record");
    struct sample sample;
    samples_get(samples, (size_t)number - 1, &sample);
    lua_pushstring(L, names[sample.kind]);
    lua_pushinteger(L, sample.kind == SAMPLE_LOST ? (lua_Integer)sample.count : sample.pid);
    if (sample.kind == SAMPLE_PC || sample.kind == SAMPLE_FORK)
        lua_pushinteger(L, sample.kind == SAMPLE_PC ? (lua_Integer)sample.pc : sample.parent);
    if (sample.kind != SAMPLE_MAP)
        return lua_gettop(L) - 2;
    lua_pushinteger(L, (lua_Integer)sample.start);
    lua_pushinteger(L, (lua_Integer)sample.size);
    lua_pushinteger(L, (lua_Integer)sample.offset);
    lua_pushstring(L, sample.path);
    return 6;
}

/// Waits for the end of a program that was started here.
// @function samples:status
// @treturn[1] int its exit status, as a shell has it
// @treturn[2] nil, message, errno
static int l_status(lua_State *L)
{
    struct samples *samples = check(L);
    int status = 0;
    pid_t pid;
    while ((pid = waitpid(samples->pid, &status, 0)) < 0 && errno == EINTR)
        ;
    if (pid < 0)
        return bind_push_failure(L, "wait", -errno);
    lua_pushinteger(L, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    return 1;
}

static int l_close(lua_State *L)
{
    samples_close(luaL_checkudata(L, 1, SAMPLES_TYPE));
    return 0;
}

void bind_add_samples(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"sample", l_sample}, {"sample_program", l_sample_program}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"event", l_event}, {"pid", l_pid},       {"wait", l_wait},   {"finish", l_finish},
        {"get", l_get},     {"status", l_status}, {"close", l_close}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", l_close}, {"__close", l_close}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    bind_make_type(L, SAMPLES_TYPE, methods, meta);
}
