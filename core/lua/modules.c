/* SPDX-License-Identifier: Apache-2.0 */
#include "lua/modules.h"

#include "lua/open.h"

#include <lauxlib.h>
#include <libgen.h>
#include <limits.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

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
void modules_open(lua_State *L)
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

/* What the environment variable `name`, or better its versioned kin, says of a search path of
 * Lua's. NULL: nothing. */
static const char *asked_path(lua_State *L, const char *name)
{
    const char *versioned = lua_pushfstring(L, "%s_5_4", name);
    const char *asked = getenv(versioned) ? getenv(versioned) : getenv(name);
    lua_pop(L, 1);
    return getauxval(AT_SECURE) ? NULL : asked;
}

/* Sets a search path as the package library does when it is opened: the first ;; stands for the
 * path that there is by default, which the state has that was built. */
static void ask_path(lua_State *L, const char *field, const char *name)
{
    const char *asked = asked_path(L, name), *mark = asked ? strstr(asked, ";;") : NULL;
    if (!asked)
        return;
    lua_getglobal(L, "package");
    if (mark) {
        lua_pushlstring(L, asked, (size_t)(mark - asked));
        lua_pushstring(L, mark > asked ? ";" : "");
        lua_getfield(L, -3, field);
        lua_pushstring(L, mark[2] ? ";" : "");
        lua_pushstring(L, mark + 2);
        lua_concat(L, 5);
    } else {
        lua_pushstring(L, asked);
    }
    lua_setfield(L, -2, field);
    lua_pop(L, 1);
}

/* Takes the current folder out of a search path of Lua's, unless the environment variable `name`
 * names it: who starts tiexec in a folder does not want to run what others have put there. */
static void remove_current(lua_State *L, const char *field, const char *name)
{
    const char *asked = asked_path(L, name);
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
    lua_pop(L, 2);
}

void modules_set_paths(lua_State *L)
{
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    ask_path(L, "path", "LUA_PATH");
    ask_path(L, "cpath", "LUA_CPATH");
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
