/* SPDX-License-Identifier: Apache-2.0
 * The model of instruction TLBs, and the plugin of qemu's that writes traces for it. */
#include "base/tlb.h"
#include "lua/open.h"
#include "lua/util.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* The Makefile names the file. */
__asm__(".pushsection .rodata\nfetches_plugin: .incbin \"" FETCHES_PLUGIN "\"\n.balign 8\n"
        "fetches_plugin_size: .quad . - fetches_plugin\n.popsection\n");
extern const char fetches_plugin[] __attribute__((visibility("hidden")));
extern const uint64_t fetches_plugin_size __attribute__((visibility("hidden")));

/* Gives the huge pages of a list of integers, which is at `index`, as an array, which is pushed. */
static struct tlb_page *check_pages(lua_State *L, int index, size_t *count)
{
    luaL_checktype(L, index, LUA_TTABLE);
    *count = lua_rawlen(L, index) / 2;
    struct tlb_page *pages = lua_newuserdatauv(L, (*count + 1) * sizeof *pages, 0);
    for (size_t i = 0; i < *count; i++) {
        lua_rawgeti(L, index, 2 * (lua_Integer)i + 1);
        lua_rawgeti(L, index, 2 * (lua_Integer)i + 2);
        luaL_argcheck(L, lua_isinteger(L, -1) && lua_isinteger(L, -2), index, "not of integers");
        pages[i].first = (uint64_t)lua_tointeger(L, -2);
        pages[i].behind = (uint64_t)lua_tointeger(L, -1);
        luaL_argcheck(L, pages[i].first < pages[i].behind, index, "an empty page");
        luaL_argcheck(L, i == 0 || pages[i - 1].behind <= pages[i].first, index, "not in order");
        lua_pop(L, 2);
    }
    return pages;
}

/// Takes a trace of pages through the instruction TLBs of some CPUs: a model, and no measurement.
// @function tlb
// @string path of a file of numbers of pages of 4 KiB, eight bytes each, as the plugin writes it
// @tparam table huge the huge pages in the order of their addresses: of each two numbers of pages
// of 4 KiB, the first one and the one behind the last
// @treturn[1] table by the CPUs' names tables with `misses`, of the first level, and `walks`,
// misses of both
// @treturn[2] nil, message, errno
static int l_tlb(lua_State *L)
{
    struct tlb_count counts[TLB_CPUS] = {{0}};
    size_t count;
    const char *path = luaL_checkstring(L, 1);
    const struct tlb_page *pages = check_pages(L, 2, &count);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int err = fd < 0 ? -errno : tlb_run(fd, pages, count, counts);
    if (fd >= 0)
        close(fd);
    if (err)
        return bind_push_failure(L, path, err);
    lua_createtable(L, 0, TLB_CPUS);
    for (int i = 0; i < TLB_CPUS; i++) {
        lua_createtable(L, 0, 2);
        bind_set_integer(L, "misses", counts[i].misses);
        bind_set_integer(L, "walks", counts[i].walks);
        lua_setfield(L, -2, counts[i].cpu);
    }
    return 1;
}

/// The plugin of qemu-user's that writes traces (core/plugin/fetches.c says how it is used).
// @function fetches_plugin
// @treturn string the bytes of a shared object
static int l_fetches_plugin(lua_State *L)
{
    lua_pushlstring(L, fetches_plugin, fetches_plugin_size);
    return 1;
}

void bind_add_tlb(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"tlb", l_tlb}, {"fetches_plugin", l_fetches_plugin}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
