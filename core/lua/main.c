/* SPDX-License-Identifier: Apache-2.0
 * The program: Lua with the bindings built in, running scripts/tiexec/cli.lua. */
#include "base/descriptors.h"
#include "base/message.h"
#include "base/program.h"
#include "front/front.h"
#include "lua/arena.h"
#include "lua/open.h"

#include <errno.h>
#include <lauxlib.h>
#include <libgen.h>
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

/* The compiled modules of scripts/tiexec and the strategies, which the Makefile lists as
 * MODULE(symbol, name, file) in order of their names. */
#define MODULE(symbol, name, file)                                                                \
    __asm__(".pushsection .rodata\n" #symbol "_start: .incbin \"" file "\"\n" #symbol             \
            "_stop:\n"                                                                            \
            ".popsection\n");                                                                     \
    extern const char symbol##_start[] __attribute__((visibility("hidden")));                     \
    extern const char symbol##_stop[] __attribute__((visibility("hidden")));
#include "modules.inc"
#undef MODULE

static const struct module {
    const char *name, *start, *stop;
} modules[] = {
#define MODULE(symbol, name, file) {name, symbol##_start, symbol##_stop},
#include "modules.inc"
#undef MODULE
};

/* Loads a module, as `require` asks for it. Upvalue 1 is its struct module. */
static int load_module(lua_State *L)
{
    const struct module *module = lua_touserdata(L, lua_upvalueindex(1));
    size_t size = (size_t)(module->stop - module->start);
    lua_settop(L, 2); /* what `require` gives to a loader the chunk gets, too */
    if (luaL_loadbufferx(L, module->start, size, module->name, "b") != LUA_OK)
        return lua_error(L);
    lua_insert(L, 1);
    lua_call(L, 2, 1);
    return 1;
}

/* Puts `folder`/?.lua and `folder`/?/init.lua in front of package.path, and the folder into the
 * list package.tiexec of folders that have tiexec's own files, if the folder exists. */
static void add_folder(lua_State *L, const char *home, const char *folder)
{
    lua_pushfstring(L, "%s%s", home, folder);
    const char *path = lua_tostring(L, -1);
    if (access(path, R_OK) == 0) {
        lua_getglobal(L, "package");
        lua_getfield(L, -1, "path");
        lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;%s", path, path, lua_tostring(L, -1));
        lua_setfield(L, -3, "path");
        lua_getfield(L, -2, "tiexec");
        lua_pushvalue(L, -4);
        lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
        lua_pop(L, 3);
    }
    lua_pop(L, 1);
}

/* Takes the current folder out of a search path of Lua's, unless the environment variable `name`
 * names it: who starts tiexec in a folder does not want to run what others have put there. */
static void remove_current(lua_State *L, const char *field, const char *name)
{
    const char *versioned = lua_pushfstring(L, "%s_5_4", name);
    const char *asked = getenv(versioned) ? getenv(versioned) : getenv(name);
    luaL_Buffer kept;
    lua_getglobal(L, "package");
    lua_getfield(L, -1, field);
    const char *list = lua_tostring(L, -1);
    luaL_buffinit(L, &kept);
    for (const char *at = list; *at;) {
        size_t size = strcspn(at, ";");
        const char *one = lua_pushlstring(L, at, size);
        bool keep = one[0] != '.' || one[1] != '/' || (asked && strstr(asked, one));
        lua_pop(L, 1);
        if (keep)
            luaL_addlstring(&kept, at, size + (at[size] == ';'));
        at += size + (at[size] == ';');
    }
    luaL_pushresult(&kept);
    lua_setfield(L, -3, field);
    lua_pop(L, 3);
}

/* Sets where Lua looks for files that are not in the program, which are the strategies: beside the
 * program in a build tree, else where `make install` puts them. */
static void set_paths(lua_State *L)
{
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    remove_current(L, "path", "LUA_PATH");
    remove_current(L, "cpath", "LUA_CPATH");
    lua_getglobal(L, "package");
    lua_newtable(L);
    lua_setfield(L, -2, "tiexec");
    lua_pop(L, 1);
    const char *home = dirname(program);
    add_folder(L, "", TIEXEC_SCRIPTS);
    add_folder(L, home, "/../share/lua/5.4");
    add_folder(L, home, "/../scripts");
    add_folder(L, home, "/../../scripts"); /* build/asan, build/dynamic */
    add_folder(L, home, "/../../share/lua/5.4"); /* lib/tiexec */
}

static int compare(const void *name, const void *module)
{
    return strcmp(name, ((const struct module *)module)->name);
}

/* The __index of package.preload: pushes the loader of a module, or nil. */
static int find_module(lua_State *L)
{
    const char *name = lua_tostring(L, 2);
    const struct module *module =
        name ? bsearch(name, modules, sizeof modules / sizeof *modules, sizeof *modules, compare)
             : NULL;
    if (!module)
        return 0;
    lua_pushlightuserdata(L, (void *)(uintptr_t)module);
    lua_pushcclosure(L, load_module, 1);
    return 1;
}

/* Half of the modules are never asked for: so package.preload is not filled with them. */
static void set_modules(lua_State *L)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, luaopen_tiexec_core);
    lua_setfield(L, -2, "tiexec.core");
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, find_module);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

static void set_arguments(lua_State *L, char **argv)
{
    lua_newtable(L);
    for (int i = 0; argv[i]; i++) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i);
    }
    lua_setglobal(L, "arg");
}

/* Runs in protected mode; stack index 1 is argv. Returns the result of
 * require("tiexec.cli").main(arg), which is the exit status; or the tracer's or the watcher's, if
 * that was split off before. */
static int run(lua_State *L)
{
    lua_gc(L, LUA_GCSTEP, -GARBAGE_KIB); /* puts off the first collection */
    if (getauxval(AT_SECURE)) { /* the environment is not this user's */
        lua_pushboolean(L, 1);
        lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
    }
    luaL_openlibs(L);
    char **argv = lua_touserdata(L, 1);
    set_paths(L);
    set_modules(L);
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

/* Makes malloc ask the kernel for memory in few large pieces and give none back, and gets an arena.
 * Memory that is not touched costs nothing; but where there is a limit, large pieces may be refused
 * where small ones would do. */
static void set_malloc(void)
{
    struct rlimit data, space;
    if (getrlimit(RLIMIT_DATA, &data) < 0 || data.rlim_cur != RLIM_INFINITY ||
        getrlimit(RLIMIT_AS, &space) < 0 || space.rlim_cur != RLIM_INFINITY)
        return;
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

int main(int argc, char **argv)
{
    (void)argc;
    pid_t pid = getpid();
    descriptors_reserve_standard();
    start_at_once(argv);
    set_malloc();
    lua_State *L = luaL_newstate();
    if (!L)
        return start_plainly(argv, LUA_ERRMEM, NULL);
    lua_setallocf(L, arena_allocate, NULL);
    lua_pushcfunction(L, run);
    lua_pushlightuserdata(L, argv);
    int status = EXIT_TIEXEC_FAILED, error = lua_pcall(L, 1, 1, 0);
    if (error == LUA_OK)
        status = (int)lua_tointeger(L, -1);
    else if (getpid() == pid)
        status = start_plainly(argv, error, lua_tostring(L, -1));
    lua_close(L);
    return status;
}
