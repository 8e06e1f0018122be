/* SPDX-License-Identifier: Apache-2.0
 * The program: Lua with the bindings built in, running scripts/tiexec/cli.lua. */
#include "base/descriptors.h"
#include "base/message.h"
#include "base/program.h"
#include "front/front.h"
#include "lua/arena.h"
#include "lua/built.h"
#include "lua/modules.h"
#include "lua/open.h"
#include "replay/replay.h"

#include <errno.h>
#include <lauxlib.h>
#include <limits.h>
#include <lualib.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <unistd.h>

#define HEAP_STEP          (1 << 20)
#define GARBAGE_KIB        4096 /* garbage that is not collected: a start makes far less */
/* As env(1), nice(1) and their like. */
#define EXIT_TIEXEC_FAILED  125
#define EXIT_CANNOT_EXECUTE 126
#define EXIT_NOT_FOUND      127

static void set_arguments(lua_State *L, char **argv)
{
    lua_newtable(L);
    for (int i = 0; argv[i]; i++) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i);
    }
    lua_setglobal(L, "arg");
}

/* The libraries are opened without a look at the environment: see modules_set_paths. */
static void open_libraries(lua_State *L)
{
    lua_pushboolean(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
    luaL_openlibs(L);
    modules_open(L);
}

/* Opens the state that becomes a part of the program: lua/built.h. */
static int open_built(lua_State *L)
{
    open_libraries(L);
    lua_getglobal(L, "require");
    lua_pushstring(L, "tiexec.start.needed");
    lua_call(L, 1, 0);
    return 0;
}

/* Runs in protected mode; stack index 1 is argv, and 2 whether the libraries are open. Returns the
 * result of require("tiexec.cli").main(arg), which is the exit status; or the tracer's or the
 * watcher's, if that was split off before. */
static int run(lua_State *L)
{
    lua_gc(L, LUA_GCSTEP, -GARBAGE_KIB); /* puts off the first collection */
    char **argv = lua_touserdata(L, 1);
    if (!lua_toboolean(L, 2))
        open_libraries(L);
    modules_set_paths(L);
    set_arguments(L, argv);
    lua_getglobal(L, "require");
    lua_pushstring(L, front_tracee()    ? "tiexec.start.tracer"
                      : front_watched() ? "tiexec.start.watcher"
                                        : "tiexec.cli");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "main");
    lua_getglobal(L, "arg");
    lua_call(L, 1, 1);
    return 1;
}

/* Memory that is not touched costs nothing; but where there is a limit, large pieces may be refused
 * where small ones would do. */
static bool is_memory_limited(void)
{
    struct rlimit data, space;
    return getrlimit(RLIMIT_DATA, &data) < 0 || data.rlim_cur != RLIM_INFINITY ||
           getrlimit(RLIMIT_AS, &space) < 0 || space.rlim_cur != RLIM_INFINITY;
}

/* Makes malloc ask the kernel for memory in few large pieces and give none back; gets an arena. */
static void set_malloc(void)
{
    arena_open();
    mallopt(M_TOP_PAD, HEAP_STEP);
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
    mallopt(M_MMAP_THRESHOLD, HEAP_STEP);
}

/* Says one line, which needs no memory. */
static void say(const char *what, const char *why)
{
    char line[512];
    int size = snprintf(line, sizeof line, "tiexec: %s: %s\n", what, why ? why : "out of memory");
    message_write(line, size < (int)sizeof line ? (size_t)size : sizeof line - 1);
}

/* Becomes CMD after all where Lua has failed, if the command line begins with CMD. Its options are
 * Lua's to read. `status` is Lua's. Returns the exit status if CMD is not started. */
static int start_plainly(char **argv, int status, const char *why)
{
    const char *set = getauxval(AT_SECURE) ? NULL : getenv("TIEXEC");
    char *path;
    if (!argv[0] || !argv[1] || *argv[1] == '-' || (set && strstr(set, "strict")) ||
        front_tracee() || front_watched()) { /* CMD is another process, which runs on */
        say(status == LUA_ERRMEM ? "nothing was done" : "internal error", why);
        return EXIT_TIEXEC_FAILED;
    }
    say("the program runs on small pages", why);
    bind_release_signals();
    int err = program_find(argv[1], &path);
    if (!err)
        err = program_exec(path, argv + 1);
    if (err == -ENOMEM) { /* execvp needs none */
        execvp(argv[1], argv + 1);
        err = -errno;
    }
    say(argv[1], strerror(-err));
    return err == -ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
}

/* The static program has done so already, before the C library's start. */
static void start_at_once(char **argv)
{
    struct front front = {.argv = argv,
                          .environment = environ,
                          .page = (uint64_t)sysconf(_SC_PAGESIZE),
                          .is_secure = getauxval(AT_SECURE) != 0};
    front_start(&front);
}

/* Does what was done at an earlier start, if that is known; then the program is watched. */
static void start_as_before(void)
{
    if (!replay_start(front_tracee()))
        return;
    message_leave();
    front_let_go();
}

/* Tells whether a script of the user's may be run: it gets a state as lua5.4 would make it.
 * Options may be shortened. CMD's own are taken for tiexec's here, which does no harm. */
static bool may_run_script(char **argv)
{
    for (; *argv; argv++)
        if (!strncmp(*argv, "--sc", 4) || !strncmp(*argv, "--g", 3))
            return true;
    return false;
}

/* Gives the state that the program was built with, if it has one. */
static lua_State *built_state(char **argv)
{
    return is_memory_limited() || may_run_script(argv) ? NULL : built_take();
}

static lua_State *new_state(void)
{
    lua_State *L = luaL_newstate();
    if (L)
        lua_setallocf(L, arena_allocate, NULL);
    return L;
}

/* What the Makefile asks for when the program is built. */
static int write_built_state(const char *path)
{
    const char *why = built_write(path, open_built);
    if (why)
        say(path, why);
    return why ? EXIT_TIEXEC_FAILED : 0;
}

int main(int argc, char **argv)
{
    pid_t pid = getpid();
    descriptors_reserve_standard();
    if (argc == 3 && !strcmp(argv[1], "--write-built-state") && !getauxval(AT_SECURE))
        return write_built_state(argv[2]);
    start_at_once(argv);
    if (front_watched())
        message_left(front_error()->st_dev, front_error()->st_ino);
    if (front_tracee())
        start_as_before();
    if (!is_memory_limited())
        set_malloc();
    lua_State *built = built_state(argv), *L = built ? built : new_state();
    if (!L)
        return start_plainly(argv, LUA_ERRMEM, NULL);
    lua_pushcfunction(L, run);
    lua_pushlightuserdata(L, argv);
    lua_pushboolean(L, built != NULL);
    int status = EXIT_TIEXEC_FAILED, error = lua_pcall(L, 2, 1, 0);
    if (error == LUA_OK)
        status = (int)lua_tointeger(L, -1);
    else if (getpid() == pid)
        status = start_plainly(argv, error, lua_tostring(L, -1));
    lua_close(L);
    return status;
}
