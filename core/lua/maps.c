/* SPDX-License-Identifier: Apache-2.0
 * The mappings of a process. */
#include "arch.h"
#include "lua/open.h"
#include "lua/util.h"
#include "proc/maps.h"

#include <errno.h>

static void push_mapping(lua_State *L, const struct mapping *m, bool details)
{
    lua_createtable(L, 0, 16);
    bind_set_integer(L, "start", m->start);
    bind_set_integer(L, "stop", m->stop);
    bind_set_integer(L, "offset", m->offset);
    bind_set_string(L, "perms", m->perms);
    bind_set_integer(L, "major", m->dev_major);
    bind_set_integer(L, "minor", m->dev_minor);
    bind_set_integer(L, "inode", m->inode);
    bind_set_string(L, "path", m->path);
    if (!details)
        return;
    bind_set_integer(L, "rss", m->rss);
    bind_set_integer(L, "pss", m->pss);
    bind_set_integer(L, "private_dirty", m->private_dirty);
    bind_set_integer(L, "anonymous", m->anonymous);
    bind_set_integer(L, "swap", m->swap);
    bind_set_integer(L, "anon_huge", m->anon_huge);
    bind_set_integer(L, "shmem_huge", m->shmem_huge);
    bind_set_integer(L, "file_huge", m->file_huge);
    bind_set_integer(L, "hugetlb", m->hugetlb);
    bind_set_integer(L, "kernel_page_size", m->kernel_page_size);
    bind_set_integer(L, "protection_key", m->protection_key);
    bind_set_string(L, "vm_flags", m->vm_flags);
}

/// The mappings of a process, in order of address.
// @function mappings
// @int pid
// @bool[opt=false] details reads smaps, which takes longer
// @bool[opt=false] joined long runs of anonymous mappings side by side that cannot be executed,
// such as the stacks of many threads, are one mapping each, "rw-p": much sooner had where there are
// thousands
// @int[opt] limit only those that begin below this address
// @treturn[1] table list of `start`, `stop`, `offset`, `perms` ("r-xp"), `path` ("" when
// anonymous), `major`, `minor`, `inode`; with details also, in bytes, `rss`, `pss`,
// `private_dirty`, `anonymous`, `swap`, `anon_huge`, `shmem_huge`, `file_huge`, `hugetlb`,
// `kernel_page_size`; `protection_key`, and `vm_flags` ("rd ex mr …")
// @treturn[1] ?int how many the process has, before any are joined, if they are
// @treturn[2] nil, message, errno (ENOENT, ESRCH: there is no such process; EACCES: it is another
// user's)
// @usage
// for _, mapping in ipairs(tiexec.mappings(pid)) do
//     if mapping.path:find("/example$") and mapping.perms == "r-xp" then
//         print(("%#x-%#x"):format(mapping.start, mapping.stop)) --> 0x…-0x…
//     end
// end
static int l_mappings(lua_State *L)
{
    struct maps maps;
    pid_t pid = bind_check_pid(L, 1);
    bool details = lua_toboolean(L, 2);
    bool joined = lua_toboolean(L, 3);
    uint64_t limit = lua_isnoneornil(L, 4) ? UINT64_MAX : bind_check_address(L, 4);
    enum maps_detail detail = (details ? MAPS_DETAILS : 0) | (joined ? MAPS_JOINED : 0);
    int err = maps_read_below(pid, detail, limit, &maps);
    if (err)
        return bind_push_failure(L, "maps", err);
    lua_createtable(L, (int)maps.count, 0);
    for (size_t i = 0; i < maps.count; i++) {
        push_mapping(L, &maps.list[i], details);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_Integer total = (lua_Integer)maps.total;
    maps_free(&maps);
    if (!joined)
        return 1;
    lua_pushinteger(L, total);
    return 2;
}

/* Gives those protections of this CPU alone that all executable mappings of a range have; or
 * -EINVAL: one of them has a protection that a copy would not have. */
static int common_protections(const struct maps *maps, uint64_t start, uint64_t stop)
{
    int common = -1;
    for (size_t i = 0; i < maps->count; i++) {
        const struct mapping *m = &maps->list[i];
        if (m->start >= stop || m->stop <= start || m->perms[2] != 'x')
            continue;
        int own = arch_protections(m->vm_flags);
        if (own < 0)
            return -EINVAL;
        common &= own;
    }
    return common == -1 ? 0 : common;
}

/// What must be added to PROT_READ and PROT_EXEC where the text of a range is mapped elsewhere
// (PROT_BTI on arm64).
// @function extra_protection
// @int pid
// @int start
// @int stop
// @treturn[1] int
// @treturn[2] nil, message, errno (EINVAL: its text is protected in a way that a copy would not be)
static int l_extra_protection(lua_State *L)
{
    struct maps maps = {0};
    pid_t pid = bind_check_pid(L, 1);
    uint64_t start = bind_check_address(L, 2), stop = bind_check_address(L, 3);
    int protection = 0, err = 0;
    if (arch_has_protections())
        err = maps_read(pid, MAPS_DETAILS_JOINED, &maps);
    if (!err && maps.count)
        protection = common_protections(&maps, start, stop);
    maps_free(&maps);
    if (!err && protection < 0)
        err = protection;
    if (err)
        return bind_push_failure(L, "protection", err);
    lua_pushinteger(L, protection);
    return 1;
}

/// Tells whether this CPU has protections of memory beyond reading, writing and executing: the
// dynamic linker may give them to text.
// @function has_protections
// @treturn boolean
static int l_has_protections(lua_State *L)
{
    lua_pushboolean(L, arch_has_protections());
    return 1;
}

void bind_add_maps(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"mappings", l_mappings},
        {"extra_protection", l_extra_protection},
        {"has_protections", l_has_protections},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
