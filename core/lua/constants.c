/* SPDX-License-Identifier: Apache-2.0
 * The table core.constants: constants of the kernel by their names, for system calls and ELF
 * headers. Those that a start needs are in the table. The others, of which there are hundreds, are
 * looked up when a script asks for one. */
#include "arch.h"
#include "base/madvise.h"
#include "lua/open.h"
#include "lua/util.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mman.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PR_SET_VMA /* Linux 5.17 */
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif
#ifndef MAP_FIXED_NOREPLACE /* Linux 4.17 */
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define CONSTANT(name) {#name, name}
static const struct {
    const char *name;
    lua_Integer value;
} constants[] = {
    CONSTANT(PROT_NONE), CONSTANT(PROT_READ), CONSTANT(PROT_WRITE), CONSTANT(PROT_EXEC),
    CONSTANT(MAP_PRIVATE), CONSTANT(MAP_SHARED), CONSTANT(MAP_ANONYMOUS), CONSTANT(MAP_FIXED),
    CONSTANT(MAP_FIXED_NOREPLACE), CONSTANT(MAP_HUGETLB), CONSTANT(MAP_HUGE_SHIFT),
    CONSTANT(MREMAP_MAYMOVE), CONSTANT(MREMAP_FIXED),
    CONSTANT(MADV_HUGEPAGE), CONSTANT(MADV_NOHUGEPAGE), CONSTANT(MADV_POPULATE_READ),
    CONSTANT(MADV_POPULATE_WRITE), CONSTANT(MADV_COLLAPSE), CONSTANT(MADV_DONTDUMP),
    CONSTANT(MADV_DONTNEED), CONSTANT(MADV_DONTFORK), CONSTANT(MADV_UNMERGEABLE),
    CONSTANT(POSIX_FADV_DONTNEED), CONSTANT(AT_FDCWD), CONSTANT(O_RDONLY), CONSTANT(O_CLOEXEC),
    CONSTANT(MAP_NORESERVE), CONSTANT(PR_SET_MM), CONSTANT(PR_SET_MM_MAP),
    CONSTANT(PR_SET_VMA), CONSTANT(PR_SET_VMA_ANON_NAME), CONSTANT(PR_GET_THP_DISABLE),
    CONSTANT(PR_SET_THP_DISABLE),
    CONSTANT(PT_LOAD), CONSTANT(PT_DYNAMIC), CONSTANT(PT_INTERP), CONSTANT(PT_GNU_RELRO),
    CONSTANT(PF_R), CONSTANT(PF_W), CONSTANT(PF_X), CONSTANT(ET_EXEC), CONSTANT(ET_DYN),
    CONSTANT(ELFCLASS32), CONSTANT(ELFCLASS64),
    CONSTANT(CAP_SYS_PTRACE), CONSTANT(CAP_SYS_ADMIN), CONSTANT(CAP_IPC_LOCK),
    CONSTANT(SIGTRAP), CONSTANT(SIGSEGV), CONSTANT(SIGKILL), CONSTANT(SIGSTOP), CONSTANT(SIGCONT),
    CONSTANT(SIGUSR1), CONSTANT(SIGTERM), CONSTANT(SIGINT),
    CONSTANT(EPERM), CONSTANT(ENOENT), CONSTANT(ESRCH), CONSTANT(EIO), CONSTANT(ENOEXEC),
    CONSTANT(EBUSY),
    CONSTANT(EACCES), CONSTANT(EFAULT), CONSTANT(EISDIR), CONSTANT(EINVAL), CONSTANT(ENOMEM),
    CONSTANT(ETIMEDOUT), CONSTANT(EILSEQ), CONSTANT(ENOTDIR), CONSTANT(ENOSYS), CONSTANT(ENOSPC),
    CONSTANT(EOVERFLOW), CONSTANT(EEXIST), CONSTANT(EAGAIN), CONSTANT(ECHILD), CONSTANT(EOPNOTSUPP),
};

/* With names in place, and not pointers to names, the table takes no relocations: those would be
 * made at each start of the program. */
static const struct {
    char name[40];
    lua_Integer value;
} more[] = {
/* Lines {"AF_UNIX", (lua_Integer)(AF_UNIX)}, in order of the names; the Makefile makes them from
 * the C library's headers. */
#include "constants.inc"
};

static int compare(const void *name, const void *constant)
{
    return strcmp(name, constant); /* which begins with its name */
}

/* __index of the table. */
static int l_find_constant(lua_State *L)
{
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    const char *found = bsearch(name, more, sizeof more / sizeof more[0], sizeof more[0], compare);
    if (found)
        lua_pushinteger(L, more[(size_t)(found - more[0].name) / sizeof more[0]].value);
    else
        lua_pushnil(L);
    return 1;
}

static int push_name(lua_State *L, const char *name)
{
    lua_pushstring(L, name);
    return 1;
}

/// The name of an error number.
// @function errno_name
// @int errno
// @treturn ?string such as "ENOENT"; nil: no error has that number
// @usage
// print(tiexec.errno_name(2), tiexec.errno_name(9999)) --> ENOENT nil
static int l_errno_name(lua_State *L)
{
    lua_Integer number = luaL_checkinteger(L, 1);
    return push_name(L, number > 0 && number < 4096 ? strerrorname_np((int)number) : NULL);
}

/// The name of a signal.
// @function signal_name
// @int signal
// @treturn ?string such as "SIGINT"; nil: no signal has that number, or it is a real-time signal
// @usage
// print(tiexec.signal_name(10), tiexec.signal_name(0)) --> SIGUSR1 nil
static int l_signal_name(lua_State *L)
{
    lua_Integer number = luaL_checkinteger(L, 1);
    const char *name = number > 0 && number < NSIG ? sigabbrev_np((int)number) : NULL;
    if (!name)
        return push_name(L, NULL);
    lua_pushfstring(L, "SIG%s", name);
    return 1;
}

static void add_table(lua_State *L)
{
    const size_t count = sizeof constants / sizeof constants[0];
    lua_createtable(L, 0, (int)count + 1);
    for (size_t i = 0; i < count; i++) {
        lua_pushinteger(L, constants[i].value);
        lua_setfield(L, -2, constants[i].name);
    }
    lua_pushinteger(L, ARCH_ELF_MACHINE);
    lua_setfield(L, -2, "ELF_MACHINE"); /* of this CPU */
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_find_constant);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_setfield(L, -2, "constants");
}

void bind_add_constants(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"errno_name", l_errno_name},
        {"signal_name", l_signal_name},
        {NULL, NULL},
    };
    add_table(L);
    luaL_setfuncs(L, functions, 0);
}
