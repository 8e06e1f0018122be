/* SPDX-License-Identifier: Apache-2.0
 * Trials: functions that run in a forked copy of this process. */
#include "lua/open.h"
#include "lua/util.h"
#include "os/trial.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What the forked copy of this process needs for a trial of the function on top of the stack. */
struct trial {
    lua_State *L;
    size_t used, max; /* bytes that the copy has allocated, and may allocate; max 0: no bound */
    lua_Alloc allocate; /* the allocator of the state, and its context */
    void *context;
};

enum { TRIAL_FAILED = 1, TRIAL_TOO_LARGE, TRIAL_TOO_LONG };
enum { CPU_SECONDS = 2, MOST_OF_MESSAGE = 4096 };

/* A lua_Alloc that ends the process where memory goes beyond the bound. If it refused memory
 * instead, the function could catch the error over and over. */
static void *allocate_bounded(void *context, void *block, size_t old, size_t new)
{
    struct trial *trial = context;
    size_t had = block ? old : 0; /* without a block, `old` is the number of a type */
    if (new > had && trial->used + (new - had) > trial->max)
        _exit(TRIAL_TOO_LARGE);
    void *result = trial->allocate(trial->context, block, old, new);
    if (result || !new)
        trial->used = trial->used + new > had ? trial->used + new - had : 0;
    return result;
}

static void end_for_time(int signal)
{
    (void)signal;
    _exit(TRIAL_TOO_LONG);
}

static rlim_t smaller(rlim_t a, rlim_t b) { return a < b ? a : b; }

/* The time until the end: half a second less than that of a hard limit which would come first. */
static struct timespec seconds_before(rlim_t hard)
{
    if (hard > CPU_SECONDS)
        return (struct timespec){.tv_sec = CPU_SECONDS};
    return (struct timespec){.tv_sec = hard ? (time_t)hard - 1 : 0, .tv_nsec = 500000000};
}

/* Ends the process after its seconds of processor time, with a status that says so: what comes as
 * SIGKILL is another's doing. The timer counts what the process has used. RLIMIT_CPU, which counts
 * whole ticks, in a virtual machine also stolen ones, stands behind it. */
static void bound_time(void)
{
    struct sigaction action = {.sa_handler = end_for_time};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGXCPU};
    struct itimerspec time = {.it_interval = {0, 0}};
    struct rlimit limit;
    sigset_t set;
    int timer;
    sigaction(SIGXCPU, &action, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGXCPU);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    getrlimit(RLIMIT_CPU, &limit);
    time.it_value = seconds_before(limit.rlim_max);
    /* glibc has these two in librt before 2.34 */
    if (syscall(SYS_timer_create, CLOCK_PROCESS_CPUTIME_ID, &event, &timer) == 0)
        syscall(SYS_timer_settime, timer, 0, &time, NULL);
    limit.rlim_cur = smaller((rlim_t)2 * CPU_SECONDS, limit.rlim_max);
    limit.rlim_max = smaller((rlim_t)3 * CPU_SECONDS, limit.rlim_max);
    setrlimit(RLIMIT_CPU, &limit);
}

/* Runs in the copy: calls the function and writes what it returns, or its error message. */
static int run_trial(void *context, int out)
{
    struct trial *trial = context;
    size_t size;
    trial->allocate = lua_getallocf(trial->L, &trial->context);
    if (trial->max) {
        bound_time();
        lua_setallocf(trial->L, allocate_bounded, trial);
    }
    int status = lua_pcall(trial->L, 0, 1, 0);
    const char *text = lua_tolstring(trial->L, -1, &size);
    if (status != LUA_OK && size > MOST_OF_MESSAGE)
        size = MOST_OF_MESSAGE;
    for (size_t done = 0; text && done < size;) {
        ssize_t n = write(out, text + done, size - done);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return status == LUA_OK ? 0 : TRIAL_FAILED;
}

static int push_trial_failure(lua_State *L, int status, const char *text)
{
    lua_pushnil(L);
    if (WIFSIGNALED(status))
        lua_pushfstring(L, "killed by signal %d", WTERMSIG(status));
    else if (WEXITSTATUS(status) == TRIAL_TOO_LONG)
        lua_pushstring(L, "it ran too long");
    else if (WEXITSTATUS(status) == TRIAL_TOO_LARGE)
        lua_pushstring(L, "it used too much memory");
    else
        lua_pushstring(L, *text ? text : "it raised an error that is not a string");
    return 2;
}

/// Calls a function in a forked copy of this process: whatever it does, only the copy suffers.
// @function trial
// @func f returns a string or nothing
// @int timeout milliseconds
// @int[opt] mebibytes of memory that it may allocate; with this bound it may also use 2 seconds of
// processor time. Without, neither is bounded
// @treturn[1] string what f has returned, "" for nothing
// @treturn[2] nil, message: f has raised an error, the copy was killed, or a bound was passed; what
// it returns may have 4 MiB
// @treturn[3] nil, message, errno: there is no copy (EAGAIN: too many processes)
static int l_trial(lua_State *L)
{
    char *text = NULL;
    size_t size = 0;
    int status = 0, timeout = (int)luaL_checkinteger(L, 2);
    struct trial trial = {.L = L, .max = (size_t)luaL_optinteger(L, 3, 0) << 20};
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_pushvalue(L, 1);
    int err = trial_run(run_trial, &trial, timeout, &status, &text, &size);
    if (err == -ETIMEDOUT || err == -EFBIG) {
        lua_pushnil(L);
        lua_pushstring(L, err == -EFBIG ? "it returned too much" : "it ran too long");
    } else if (err) {
        int count = bind_push_failure(L, "trial", err);
        free(text);
        return count;
    } else if (status) {
        push_trial_failure(L, status, text);
    } else {
        lua_pushlstring(L, text, size);
    }
    free(text);
    return err || status ? 2 : 1;
}

void bind_add_trial(lua_State *L)
{
    static const luaL_Reg functions[] = {{"trial", l_trial}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
