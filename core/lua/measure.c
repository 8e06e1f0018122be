/* SPDX-License-Identifier: Apache-2.0
 * Measured runs of commands, and copies of files that stand in for them. */
#include "lua/open.h"
#include "lua/util.h"
#include "os/measure.h"
#include "os/scratch.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>

#define SCRATCH_TYPE "tiexec.scratch"

/* Gives a field that is a list of strings as an array that ends with NULL, which is pushed. */
static char **list_field(lua_State *L, const char *name)
{
    lua_getfield(L, 1, name);
    luaL_argcheck(L, lua_istable(L, -1), 1, name);
    int list = lua_gettop(L);
    size_t count = lua_rawlen(L, list);
    char **strings = lua_newuserdatauv(L, (count + 1) * sizeof *strings, 0);
    for (size_t i = 0; i < count; i++) {
        luaL_argcheck(L, lua_rawgeti(L, list, (lua_Integer)i + 1) == LUA_TSTRING, 1, name);
        strings[i] = (char *)(uintptr_t)lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    strings[count] = NULL;
    return strings;
}

/* Gives the stand-ins, a table of copies by the paths of files. */
static struct stand_in *stand_ins_field(lua_State *L, size_t *count)
{
    *count = 0;
    luaL_argcheck(L, lua_getfield(L, 1, "stand_ins") == LUA_TTABLE, 1, "stand_ins");
    int copies = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, copies); lua_pop(L, 1))
        ++*count;
    struct stand_in *list = lua_newuserdatauv(L, (*count + 1) * sizeof *list, 0);
    struct stand_in *next = list;
    for (lua_pushnil(L); lua_next(L, copies); lua_pop(L, 1), next++) {
        luaL_argcheck(L, lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING, 1,
                      "stand_ins");
        *next = (struct stand_in){.path = lua_tostring(L, -2), .copy = lua_tostring(L, -1)};
    }
    return list;
}

static void push_values(lua_State *L, const struct counter_value *values)
{
    lua_newtable(L);
    for (int i = 0; i < COUNTERS; i++) {
        if (!values[i].is_known)
            continue;
        lua_createtable(L, 0, 2);
        lua_pushnumber(L, values[i].count);
        lua_setfield(L, -2, "count");
        lua_pushnumber(L, values[i].share);
        lua_setfield(L, -2, "share");
        lua_setfield(L, -2, counter_names[i]);
    }
}

static void set_seconds(lua_State *L, const char *name, int64_t nanoseconds)
{
    lua_pushnumber(L, (double)nanoseconds / 1e9);
    lua_setfield(L, -2, name);
}

static void push_use(lua_State *L, const struct measure_use *use)
{
    set_seconds(L, "wall", use->wall);
    set_seconds(L, "user", use->user);
    set_seconds(L, "system", use->system);
    bind_set_integer(L, "faults", use->faults);
    bind_set_integer(L, "peak", use->peak);
    bind_set_integer(L, "switches", use->switches);
}

static void push_result(lua_State *L, const struct measure_result *result)
{
    lua_createtable(L, 0, 16);
    push_use(L, &result->use);
    push_values(L, result->values);
    lua_setfield(L, -2, "counters");
    bind_set_integer(L, "counters_errno", (uint64_t)-result->counters);
    bind_set_integer(L, "status", (uint64_t)(WIFSIGNALED(result->status)
                                                 ? 128 + WTERMSIG(result->status)
                                                 : WEXITSTATUS(result->status)));
    bind_set_boolean(L, "interrupted", result->interrupted);
    bind_set_boolean(L, "is_left", result->is_left);
    bind_set_integer(L, "output_size", result->output_size);
    bind_set_string(L, "output", result->output);
    bind_set_string(L, "error", result->error);
}

/// Runs a command once, and measures it with all processes that it starts. SIGINT, SIGTERM and
// SIGHUP end the run and all later ones; they are blocked in this process from now on.
// @function measure
// @tparam table task `path`; `argv`; `variables`, a list of "NAME=VALUE" for its environment;
// `stand_ins`, a table of paths of copies by the paths of the files whose places they take
// @treturn[1] table `wall`, `user`, `system` (seconds), `faults`, `peak` (bytes), `switches`;
// `counters`: by their names `count` and `share`, the part of the time in which it counted;
// `counters_errno` (0: there are some); `status`, as a shell has it; `interrupted`; `is_left`: it
// has left processes running; `output_size`, `output` (a digest); `error`: how standard error
// begins
// @treturn[2] nil, message, errno
static int l_measure(lua_State *L)
{
    struct measure_task task;
    struct measure_result result;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_getfield(L, 1, "path");
    task.path = luaL_checkstring(L, -1);
    task.argv = list_field(L, "argv");
    task.variables = list_field(L, "variables");
    task.stand_ins = stand_ins_field(L, &task.stand_in_count);
    int err = measure_run(&task, &result);
    if (!err)
        err = result.err;
    if (err)
        return bind_push_failure(L, result.is_mount ? "mount" : task.path, err);
    push_result(L, &result);
    return 1;
}

/// Waits, as long as no signal that ends runs has come.
// @function pause_or_end
// @int milliseconds
// @treturn[1] boolean whether one has come, now or earlier
// @treturn[2] nil, message, errno
static int l_pause_or_end(lua_State *L)
{
    bool interrupted = false;
    int err = measure_pause(bind_opt_timeout(L, 1, 0), &interrupted);
    if (err)
        return bind_push_failure(L, "pause_or_end", err);
    lua_pushboolean(L, interrupted);
    return 1;
}

/// The processor time that a process has used, with all its threads.
// @function processor_time
// @int pid
// @treturn[1] number seconds
// @treturn[2] nil, message, errno (ESRCH: there is no such process)
static int l_processor_time(lua_State *L)
{
    clockid_t clock;
    struct timespec time;
    int err = -clock_getcpuclockid(bind_check_pid(L, 1), &clock);
    if (!err && clock_gettime(clock, &time) < 0)
        err = errno == EINVAL ? -ESRCH : -errno; /* it has ended in between */
    if (err)
        return bind_push_failure(L, "clock", err);
    lua_pushnumber(L, (double)time.tv_sec + (double)time.tv_nsec / 1e9);
    return 1;
}

/// Copies a file; of the copy nothing is in the page cache afterwards.
// @function copy_file
// @string path
// @string copy must not exist
// @treturn[1] boolean true
// @treturn[2] nil, message, errno
static int l_copy_file(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1), *copy = luaL_checkstring(L, 2);
    return bind_push_result(L, path, stand_in_copy(path, copy));
}

/// Makes a folder, and those that it lies in, for this user alone, as far as they are not there.
// @function make_folders
// @string path
// @treturn[1] boolean true
// @treturn[2] nil, message, errno
static int l_make_folders(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    char part[PATH_MAX];
    int err = 0;
    for (size_t at = 1; path[0] && !err; at++) {
        if (path[at] && path[at] != '/')
            continue;
        if (at >= sizeof part)
            return bind_push_failure(L, path, -ENAMETOOLONG);
        memcpy(part, path, at);
        part[at] = '\0';
        err = mkdir(part, 0700) < 0 && errno != EEXIST ? -errno : 0;
        if (!path[at])
            break;
    }
    return bind_push_result(L, path, err);
}

/// What is free on the filesystem that a path lies on, for this user, and whether programs may be
// executed there.
// @function free_space
// @string path
// @treturn[1] int bytes
// @treturn[1] boolean whether programs may be executed there
// @treturn[2] nil, message, errno
static int l_free_space(lua_State *L)
{
    struct statvfs fs;
    const char *path = luaL_checkstring(L, 1);
    if (statvfs(path, &fs) < 0)
        return bind_push_failure(L, path, -errno);
    lua_pushinteger(L, (lua_Integer)fs.f_bavail * (lua_Integer)fs.f_frsize);
    lua_pushboolean(L, !(fs.f_flag & (ST_NOEXEC | ST_RDONLY)));
    return 2;
}

/// Makes a folder for files that are needed for a while. It goes away with them when it is closed,
// or when this process ends, however it ends.
// @function scratch
// @string parent the folder in which it is made
// @treturn[1] scratch to be closed
// @treturn[1] string its path
// @treturn[2] nil, message, errno
static int l_scratch(lua_State *L)
{
    const char *parent = luaL_checkstring(L, 1);
    struct scratch *scratch = lua_newuserdatauv(L, sizeof *scratch, 0);
    int err = scratch_open(scratch, parent);
    if (err)
        return bind_push_failure(L, parent, err);
    luaL_setmetatable(L, SCRATCH_TYPE);
    lua_pushstring(L, scratch->path);
    return 2;
}

static int l_close(lua_State *L)
{
    scratch_close(luaL_checkudata(L, 1, SCRATCH_TYPE));
    return 0;
}

void bind_add_measure(lua_State *L)
{
    static const luaL_Reg functions[] = {{"measure", l_measure},
                                         {"copy_file", l_copy_file},
                                         {"pause_or_end", l_pause_or_end},
                                         {"processor_time", l_processor_time},
                                         {"free_space", l_free_space},
                                         {"make_folders", l_make_folders},
                                         {"scratch", l_scratch},
                                         {NULL, NULL}};
    static const luaL_Reg methods[] = {{"close", l_close}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", l_close}, {"__close", l_close}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    bind_make_type(L, SCRATCH_TYPE, methods, meta);
}
