/* SPDX-License-Identifier: Apache-2.0
 * The table core.constants: constants of the kernel by their names, for system calls and ELF
 * headers. */
#include "arch.h"
#include "base/madvise.h"
#include "lua/open.h"
#include "lua/util.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mman.h>
#include <signal.h>
#include <sys/prctl.h>

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
    CONSTANT(EACCES), CONSTANT(EFAULT), CONSTANT(EISDIR), CONSTANT(EINVAL), CONSTANT(ENOMEM),
    CONSTANT(ETIMEDOUT), CONSTANT(EILSEQ), CONSTANT(ENOTDIR), CONSTANT(ENOSYS), CONSTANT(ENOSPC),
    CONSTANT(EOVERFLOW), CONSTANT(EEXIST), CONSTANT(EAGAIN), CONSTANT(ECHILD), CONSTANT(EOPNOTSUPP),
};

void bind_add_constants(lua_State *L)
{
    const size_t count = sizeof constants / sizeof constants[0];
    lua_createtable(L, 0, (int)count + 1);
    for (size_t i = 0; i < count; i++) {
        lua_pushinteger(L, constants[i].value);
        lua_setfield(L, -2, constants[i].name);
    }
    lua_pushinteger(L, ARCH_ELF_MACHINE);
    lua_setfield(L, -2, "ELF_MACHINE"); /* of this CPU */
    lua_setfield(L, -2, "constants");
}
