/* SPDX-License-Identifier: Apache-2.0 */
#include "arch.h"
#include "proc/folios.h"
#include "lua/util.h"
#include "proc/maps.h"
#include "proc/pagemap.h"
#include "proc/process.h"
#include "ptrace/remote.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static pid_t check_pid(lua_State *L, int index)
{
    lua_Integer pid = luaL_checkinteger(L, index);
    luaL_argcheck(L, pid > 0 && pid <= 0x7fffffff, index, "not a process id");
    return (pid_t)pid;
}

static void push_mapping(lua_State *L, const struct mapping *m, bool details)
{
    lua_createtable(L, 0, 16);
    lua_set_integer(L, "start", m->start);
    lua_set_integer(L, "stop", m->stop);
    lua_set_integer(L, "offset", m->offset);
    lua_set_string(L, "perms", m->perms);
    lua_set_integer(L, "major", m->dev_major);
    lua_set_integer(L, "minor", m->dev_minor);
    lua_set_integer(L, "inode", m->inode);
    lua_set_string(L, "path", m->path);
    if (!details)
        return;
    lua_set_integer(L, "rss", m->rss);
    lua_set_integer(L, "pss", m->pss);
    lua_set_integer(L, "private_dirty", m->private_dirty);
    lua_set_integer(L, "anonymous", m->anonymous);
    lua_set_integer(L, "anon_huge", m->anon_huge);
    lua_set_integer(L, "shmem_huge", m->shmem_huge);
    lua_set_integer(L, "file_huge", m->file_huge);
    lua_set_integer(L, "hugetlb", m->hugetlb);
    lua_set_integer(L, "kernel_page_size", m->kernel_page_size);
    lua_set_string(L, "vm_flags", m->vm_flags);
}

/// The mappings of a process, in order of address.
// @function mappings
// @int pid
// @bool[opt] details what smaps tells as well: slower
// @treturn[1] table list of `start`, `stop`, `offset`, `perms`, `path`, `major`, `minor`, `inode`;
// with details, in bytes, `rss`, `pss`, `private_dirty`, `anonymous`, `anon_huge`, `shmem_huge`, `file_huge`,
// `hugetlb`, `kernel_page_size`, and `vm_flags`
// @treturn[2] nil, message, errno
static int l_mappings(lua_State *L)
{
    struct maps maps;
    pid_t pid = check_pid(L, 1);
    bool details = lua_toboolean(L, 2);
    int err = maps_read(pid, details, &maps);
    if (err)
        return lua_push_failure(L, "maps", err);
    lua_createtable(L, (int)maps.count, 0);
    for (size_t i = 0; i < maps.count; i++) {
        push_mapping(L, &maps.list[i], details);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    maps_free(&maps);
    return 1;
}

#define AT(name) {#name, name}
static const struct {
    const char *name;
    uint64_t type;
} at_names[] = {
    AT(AT_PHDR), AT(AT_PHENT), AT(AT_PHNUM), AT(AT_PAGESZ), AT(AT_BASE), AT(AT_FLAGS),
    AT(AT_ENTRY), AT(AT_UID), AT(AT_EUID), AT(AT_GID), AT(AT_EGID), AT(AT_CLKTCK),
    AT(AT_PLATFORM), AT(AT_HWCAP), AT(AT_HWCAP2), AT(AT_SECURE), AT(AT_RANDOM), AT(AT_EXECFN),
    AT(AT_SYSINFO_EHDR),
};

/// The auxiliary vector, by GDB's names (`info auxv`); entries without a name by their number.
// @function auxv
// @int pid
static int l_auxv(lua_State *L)
{
    struct auxv_entry *list;
    size_t count;
    int err = process_auxv(check_pid(L, 1), &list, &count);
    if (err)
        return lua_push_failure(L, "auxv", err);
    lua_newtable(L);
    for (size_t i = 0; i < count; i++) {
        const char *name = NULL;
        for (size_t n = 0; n < sizeof at_names / sizeof at_names[0]; n++)
            if (at_names[n].type == list[i].type)
                name = at_names[n].name;
        lua_pushinteger(L, (lua_Integer)list[i].value);
        if (name)
            lua_setfield(L, -2, name);
        else
            lua_rawseti(L, -2, (lua_Integer)list[i].type);
    }
    free(list);
    return 1;
}

/// One field of /proc/PID/status as a number.
// @function status
// @int pid
// @string field "TracerPid", "SigIgn", …
// @int[opt=10] base 16 for masks
static int l_status(lua_State *L)
{
    uint64_t value;
    pid_t pid = check_pid(L, 1);
    const char *field = luaL_checkstring(L, 2);
    int base = (int)luaL_optinteger(L, 3, 10);
    int err = process_status(pid, field, base, &value);
    if (err)
        return lua_push_failure(L, field, err);
    lua_pushinteger(L, (lua_Integer)value);
    return 1;
}

/// The instructions that trap (SIGTRAP) and may be found in text, and how far beyond one the pc is then.
// They begin at multiples of `align`.
// @function trap_instructions
// @treturn table list of strings, the likeliest first
// @treturn int bytes
// @treturn int align
static int l_trap_instructions(lua_State *L)
{
    lua_newtable(L);
    for (size_t i = 0; i < sizeof arch_found_traps / sizeof arch_found_traps[0]; i++) {
        lua_pushlstring(L, (const char *)arch_found_traps[i], sizeof arch_found_traps[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_pushinteger(L, ARCH_TRAP_PC_ADVANCE);
    lua_pushinteger(L, ARCH_INSN_ALIGN);
    return 3;
}

/* The protections of this CPU's own that all executable mappings of a range share; or -EINVAL: one of
 * them has a protection that a copy would not have. */
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

/// What is to be added to PROT_READ and PROT_EXEC where the text of a range is mapped elsewhere.
// @function extra_protection
// @int pid
// @int start
// @int stop
// @treturn[1] int
// @treturn[2] nil, message, errno (EINVAL: its text is protected in a way that cannot be kept)
static int l_extra_protection(lua_State *L)
{
    struct maps maps = {0};
    pid_t pid = check_pid(L, 1);
    uint64_t start = lua_check_address(L, 2), stop = lua_check_address(L, 3);
    int protection = 0, err = 0;
    if (arch_has_protections())
        err = maps_read(pid, true, &maps);
    if (!err && maps.count)
        protection = common_protections(&maps, start, stop);
    maps_free(&maps);
    if (!err && protection < 0)
        err = protection;
    if (err)
        return lua_push_failure(L, "protection", err);
    lua_pushinteger(L, protection);
    return 1;
}

/// The number of a system call on this CPU.
// @function syscall_number
// @string name
// @treturn int, or nil: there is none of that name
static int l_syscall_number(lua_State *L)
{
    long number = remote_syscall_number(luaL_checkstring(L, 1));
    if (number >= 0)
        lua_pushinteger(L, number);
    else
        lua_pushnil(L);
    return 1;
}

/// Where the kernel has the parts of a program's memory.
// @function layout
// @int pid
// @treturn[1] table `start_code`, `end_code`, `start_data`, `end_data`, `start_brk`, `start_stack`,
// `arg_start`, `arg_end`, `env_start`, `env_end`
// @treturn[2] nil, message, errno
static int l_layout(lua_State *L)
{
    struct process_layout layout;
    int err = process_layout(check_pid(L, 1), &layout);
    if (err)
        return lua_push_failure(L, "stat", err);
    lua_createtable(L, 0, 10);
    lua_set_integer(L, "start_code", layout.start_code);
    lua_set_integer(L, "end_code", layout.end_code);
    lua_set_integer(L, "start_data", layout.start_data);
    lua_set_integer(L, "end_data", layout.end_data);
    lua_set_integer(L, "start_brk", layout.start_brk);
    lua_set_integer(L, "start_stack", layout.start_stack);
    lua_set_integer(L, "arg_start", layout.arg_start);
    lua_set_integer(L, "arg_end", layout.arg_end);
    lua_set_integer(L, "env_start", layout.env_start);
    lua_set_integer(L, "env_end", layout.env_end);
    return 1;
}

/// How many bytes of a range are mapped by which kind of page; looks at the page tables alone.
// @function pagemap
// @int pid
// @int start
// @int stop
// @treturn[1] table `file_huge`, `anon_huge` (hugetlb included), `file_small`, `anon_small`
// @treturn[2] nil, message, errno (ENOTTY: before Linux 6.7)
static int l_pagemap(lua_State *L)
{
    struct pagemap sums;
    pid_t pid = check_pid(L, 1);
    uint64_t start = lua_check_address(L, 2), stop = lua_check_address(L, 3);
    int err = pagemap_scan(pid, start, stop, &sums);
    if (err)
        return lua_push_failure(L, "pagemap", err);
    lua_createtable(L, 0, 4);
    lua_set_integer(L, "file_huge", sums.file_huge);
    lua_set_integer(L, "anon_huge", sums.anon_huge);
    lua_set_integer(L, "file_small", sums.file_small);
    lua_set_integer(L, "anon_small", sums.anon_small);
    return 1;
}

/// How much of a range lies in pages of at least a size, which may be smaller than the PMD's: smaps does not tell.
// @function folios
// @int pid
// @int start
// @int stop
// @int size of a page, bytes, a power of two
// @treturn[1] int bytes
// @treturn[2] nil, message, errno (EPERM, EACCES: it takes CAP_SYS_ADMIN)
static int l_folios(lua_State *L)
{
    pid_t pid = check_pid(L, 1);
    uint64_t start = lua_check_address(L, 2), stop = lua_check_address(L, 3), bytes;
    uint64_t size = lua_check_address(L, 4);
    luaL_argcheck(L, size >= (uint64_t)sysconf(_SC_PAGESIZE) && (size & (size - 1)) == 0, 4, "not a page's size");
    int err = folios_bytes(pid, start, stop, size, &bytes);
    if (err)
        return lua_push_failure(L, "pagemap", err);
    lua_pushinteger(L, (lua_Integer)bytes);
    return 1;
}

void lua_add_process(lua_State *L)
{
    static const luaL_Reg functions[] = {{"mappings", l_mappings},
                                         {"auxv", l_auxv},
                                         {"status", l_status},
                                         {"layout", l_layout},
                                         {"trap_instructions", l_trap_instructions},
                                         {"extra_protection", l_extra_protection},
                                         {"syscall_number", l_syscall_number},
                                         {"pagemap", l_pagemap},
                                         {"folios", l_folios},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
