/* SPDX-License-Identifier: Apache-2.0
 * What this host offers. */
#include "arch.h"
#include "lua/open.h"
#include "lua/util.h"
#include "proc/host.h"

#include <unistd.h>

static void push_pools(lua_State *L, const struct host *host)
{
    lua_newtable(L);
    for (size_t i = 0; i < host->pool_count; i++) {
        const struct host_pool *pool = &host->pools[i];
        lua_newtable(L);
        bind_set_integer(L, "page_size", pool->page_size);
        bind_set_integer(L, "total", pool->total);
        bind_set_integer(L, "free", pool->free);
        bind_set_integer(L, "reserved", pool->reserved);
        bind_set_integer(L, "surplus", pool->surplus);
        bind_set_integer(L, "overcommit", pool->overcommit);
        lua_rawseti(L, -2, (lua_Integer)pool->page_size);
    }
}

/* Pushes a table with the sizes of pages and the kernel's version. */
static void push_basics(lua_State *L, const struct host *host)
{
    lua_newtable(L);
    bind_set_integer(L, "page_size", host->page_size);
    bind_set_integer(L, "huge_page_size", host->huge_page_size);
    bind_set_integer(L, "pmd_size", host->pmd_size);
    bind_set_integer(L, "contiguous_size", host->contiguous_size);
    bind_set_string(L, "kernel", host->kernel);
    lua_createtable(L, 2, 0);
    lua_pushinteger(L, host->kernel_major);
    lua_rawseti(L, -2, 1);
    lua_pushinteger(L, host->kernel_minor);
    lua_rawseti(L, -2, 2);
    lua_setfield(L, -2, "kernel_version");
}

static uint64_t check_size(lua_State *L)
{
    lua_Integer size = luaL_optinteger(L, 1, 0);
    luaL_argcheck(L, size >= 0, 1, "a size is not negative");
    return (uint64_t)size;
}

/// Facts of this host that no file is read for, but the size of the huge page, once.
// @function host_basics
// @int[opt] size as for `host`
// @treturn table `page_size`, `huge_page_size`, `pmd_size`, `contiguous_size`, `kernel`,
// `kernel_version`, as `host` gives them
static int l_host_basics(lua_State *L)
{
    struct host host;
    host_read_basics(&host, check_size(L));
    push_basics(L, &host);
    return 1;
}

/// Facts of this host, as they are now.
// @function host
// @int[opt] size of the pages in question, bytes; the PMD-sized ones when absent or 0
// @treturn table `arch`; in bytes `page_size`, `huge_page_size` (`size`; 0: the kernel has no huge
// pages), `pmd_size`, `contiguous_size` (a run of base pages that the TLB may hold as one entry; 0:
// none); `kernel` (its release), `kernel_version` {major, minor}; `thp`, `shmem_thp` (the mode in
// force; "": the kernel has none); `yama` (ptrace_scope; -1: none); `nodes` (NUMA nodes with
// memory); `uid`, `capabilities` (bits); `hugetlb`: pools by their page size in bytes, with
// `total`, `free`, `reserved`, `surplus`, `overcommit` in pages
// @usage
// local host = tiexec.host()
// print(host.arch, host.page_size, host.huge_page_size) --> … … …
// print(#host.kernel_version) --> 2
static int l_host(lua_State *L)
{
    struct host host;
    host_read(&host, check_size(L));
    push_basics(L, &host);
    bind_set_string(L, "arch", ARCH_NAME);
    bind_set_string(L, "thp", host.thp);
    bind_set_string(L, "shmem_thp", host.shmem_thp);
    lua_pushinteger(L, host.yama);
    lua_setfield(L, -2, "yama");
    bind_set_integer(L, "nodes", host.nodes);
    bind_set_integer(L, "uid", host.uid);
    bind_set_integer(L, "capabilities", host.capabilities);
    push_pools(L, &host);
    lua_setfield(L, -2, "hugetlb");
    return 1;
}

/// The size of the base page: `host().page_size` without the rest.
// @function page_size
// @treturn int bytes
static int l_page_size(lua_State *L)
{
    lua_pushinteger(L, sysconf(_SC_PAGESIZE));
    return 1;
}

/// How many NUMA nodes have memory: `host().nodes` without the rest.
// @function numa_nodes
// @treturn int
static int l_numa_nodes(lua_State *L)
{
    lua_pushinteger(L, host_nodes());
    return 1;
}

/// Tells whether the kernel of itself maps large libraries at addresses where their files' pages
// can be huge.
// @function places_congruent
// @string path of a file on the filesystem in question
// @treturn boolean; true also where it cannot be found out
static int l_places_congruent(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    lua_pushboolean(L, host_places_congruent(path, host_huge_page_size()));
    return 1;
}

/// The size of the PMD-sized page: `host().pmd_size` without the rest.
// @function huge_page_size
// @treturn int bytes; 0: the kernel has no huge pages
static int l_huge_page_size(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)host_huge_page_size());
    return 1;
}

/// How many bytes of anonymous transparent huge pages of at least `size` the page faults of all
// processes were given since the host's start.
// @function thp_bytes
// @int size bytes
// @treturn[1] int
// @treturn[2] nil, message, errno (ENOENT: the kernel does not count them; it does since Linux
// 6.10)
static int l_thp_bytes(lua_State *L)
{
    lua_Integer size = luaL_checkinteger(L, 1);
    uint64_t bytes;
    int err = host_thp_bytes((uint64_t)size, &bytes);
    if (err)
        return bind_push_failure(L, "anon_fault_alloc", err);
    lua_pushinteger(L, (lua_Integer)bytes);
    return 1;
}

void bind_add_host(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"host", l_host},
        {"host_basics", l_host_basics},
        {"page_size", l_page_size},
        {"huge_page_size", l_huge_page_size},
        {"numa_nodes", l_numa_nodes},
        {"places_congruent", l_places_congruent},
        {"thp_bytes", l_thp_bytes},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
