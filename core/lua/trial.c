/* SPDX-License-Identifier: Apache-2.0
 * Trials: functions that run in a forked copy of this process. */
#include "lua/open.h"
#include "lua/util.h"
#include "os/trial.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the forked copy of this process needs for a trial of the function on top of the stack. */
struct trial {
    lua_State *L;
    size_t used, max; /* bytes that the copy has allocated, and may allocate; max 0: no bound */
    lua_Alloc allocate; /* the allocator of the state, and its context */
    void *context;
};

enum { TRIAL_FAILED = 1, TRIAL_TOO_LARGE = 2, CPU_SECONDS = 2 };

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

/* Runs in the copy: calls the function and writes what it returns, or its error message. */
static int run_trial(void *context, int out)
{
    struct trial *trial = context;
    size_t size;
    trial->allocate = lua_getallocf(trial->L, &trial->context);
    if (trial->max) {
        /* At the hard limit comes SIGKILL; SIGXCPU, at the soft one, may be blocked. */
        struct rlimit seconds = {CPU_SECONDS, CPU_SECONDS};
        setrlimit(RLIMIT_CPU, &seconds);
        lua_setallocf(trial->L, allocate_bounded, trial);
    }
    int status = lua_pcall(trial->L, 0, 1, 0);
    const char *text = lua_tolstring(trial->L, -1, &size);
    for (size_t done = 0; text && done < size;) {
        ssize_t n = write(out, text + done, size - done);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return status == LUA_OK ? 0 : TRIAL_FAILED;
}

static int push_trial_failure(lua_State *L, int status, const char *text, bool bounded)
{
    lua_pushnil(L);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && bounded)
        lua_pushstring(L, "it ran too long");
    else if (WIFSIGNALED(status))
        lua_pushfstring(L, "killed by signal %d", WTERMSIG(status));
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
// @treturn[2] nil, message: f has raised an error, the copy was killed, or a bound was passed
static int l_trial(lua_State *L)
{
    char *text = NULL;
    size_t size = 0;
    int status = 0, timeout = (int)luaL_checkinteger(L, 2);
    struct trial trial = {.L = L, .max = (size_t)luaL_optinteger(L, 3, 0) << 20};
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_pushvalue(L, 1);
    int err = trial_run(run_trial, &trial, timeout, &status, &text, &size);
    if (err == -ETIMEDOUT) {
        lua_pushnil(L);
        lua_pushstring(L, "it ran too long");
    } else if (err) {
        bind_push_failure(L, "trial", err);
    } else if (status) {
        push_trial_failure(L, status, text, trial.max > 0);
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
