/* SPDX-License-Identifier: Apache-2.0
 * What /proc tells of one process, beside its mappings; and files for it. */
#include "base/handover.h"
#include "lua/open.h"
#include "lua/util.h"
#include "proc/process.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

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

/// The auxiliary vector, by GDB's names (`info auxv`). An entry without a name has its number as
// key.
// @function auxv
// @int pid
// @treturn[1] table values by their names, or numbers
// @treturn[2] nil, message, errno (ENOENT, ESRCH: there is no such process; EACCES: it is another
// user's)
// @usage
// print(("%#x"):format(tiexec.auxv(pid).AT_ENTRY)) --> 0x…
static int l_auxv(lua_State *L)
{
    struct auxv_entry *list;
    size_t count;
    int err = process_auxv(bind_check_pid(L, 1), &list, &count);
    if (err)
        return bind_push_failure(L, "auxv", err);
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

/// One field of /proc/PID/status, as a number.
// @function status
// @int pid
// @string field "TracerPid", "SigIgn", …
// @int[opt=10] base 16 for masks
// @treturn[1] int
// @treturn[2] nil, message, errno (ENOENT: this kernel has no such field, or there is no such
// process)
// @usage
// print(tiexec.status(pid, "Threads")) --> 1
// print(("%#x"):format(tiexec.status(pid, "SigCgt", 16))) --> 0x200
static int l_status(lua_State *L)
{
    uint64_t value;
    pid_t pid = bind_check_pid(L, 1);
    const char *field = luaL_checkstring(L, 2);
    int base = (int)luaL_optinteger(L, 3, 10);
    int err = process_status(pid, field, base, &value);
    if (err)
        return bind_push_failure(L, field, err);
    lua_pushinteger(L, (lua_Integer)value);
    return 1;
}

/// The addresses of the parts of a program's memory, as the kernel has them. All are 0 if this
// process may not trace that one.
// @function layout
// @int pid
// @treturn[1] table `start_code`, `end_code`, `start_data`, `end_data`, `start_brk`, `start_stack`,
// `arg_start`, `arg_end`, `env_start`, `env_end`
// @treturn[2] nil, message, errno
static int l_layout(lua_State *L)
{
    struct process_layout layout;
    int err = process_layout(bind_check_pid(L, 1), &layout);
    if (err)
        return bind_push_failure(L, "stat", err);
    lua_createtable(L, 0, 10);
    bind_set_integer(L, "start_code", layout.start_code);
    bind_set_integer(L, "end_code", layout.end_code);
    bind_set_integer(L, "start_data", layout.start_data);
    bind_set_integer(L, "end_data", layout.end_data);
    bind_set_integer(L, "start_brk", layout.start_brk);
    bind_set_integer(L, "start_stack", layout.start_stack);
    bind_set_integer(L, "arg_start", layout.arg_start);
    bind_set_integer(L, "arg_end", layout.arg_end);
    bind_set_integer(L, "env_start", layout.env_start);
    bind_set_integer(L, "env_end", layout.env_end);
    return 1;
}

/// How large the stack of a process may become.
// @function stack_limit
// @int pid
// @treturn[1] int bytes; math.maxinteger: there is no limit
// @treturn[2] nil, message, errno (EPERM: it is another user's)
static int l_stack_limit(lua_State *L)
{
    struct rlimit limit;
    if (prlimit(bind_check_pid(L, 1), RLIMIT_STACK, NULL, &limit) < 0)
        return bind_push_failure(L, "prlimit", -errno);
    lua_pushinteger(L, limit.rlim_cur > INT64_MAX ? INT64_MAX : (lua_Integer)limit.rlim_cur);
    return 1;
}

/// A thread by whose id the memory and the executable of a process can be read in /proc. A process
// whose first thread has ended while others live on has neither under its own id.
// @function living
// @int pid
// @treturn int `pid` itself, if its first thread lives or none does
static int l_living(lua_State *L)
{
    lua_pushinteger(L, process_living(bind_check_pid(L, 1)));
    return 1;
}

/// Sends an open file to a process, through a socket of that process.
// @function send_file
// @int pid
// @int theirs descriptor of the process for one end of a pair of sockets; the file comes out at the
// other end
// @tparam file|int file of Lua's io library, or a descriptor of this process
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (ENOSYS: before Linux 5.6)
static int l_send_file(lua_State *L)
{
    pid_t pid = bind_check_pid(L, 1);
    int theirs = (int)luaL_checkinteger(L, 2), fd;
    if (lua_isinteger(L, 3)) {
        fd = (int)lua_tointeger(L, 3);
    } else {
        const luaL_Stream *file = luaL_checkudata(L, 3, LUA_FILEHANDLE);
        luaL_argcheck(L, file->closef, 3, "file is closed");
        fd = fileno(file->f);
    }
    return bind_push_result(L, "send_file", handover_send(pid, theirs, fd));
}

void bind_add_process(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"living", l_living},
        {"auxv", l_auxv},
        {"status", l_status},
        {"layout", l_layout},
        {"stack_limit", l_stack_limit},
        {"send_file", l_send_file},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
