/* SPDX-License-Identifier: Apache-2.0
 * Seccomp filters. */
#include "lua/inferior.h"
#include "lua/open.h"
#include "lua/util.h"
#include "ptrace/remote.h"
#include "ptrace/seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>

static const char *name_of(uint32_t action)
{
    switch (action) {
    case SECCOMP_RET_ALLOW: return "allow";
    case SECCOMP_RET_LOG: return "log";
    case SECCOMP_RET_TRACE: return "trace";
    case SECCOMP_RET_USER_NOTIF: return "user_notif";
    case SECCOMP_RET_ERRNO: return "errno";
    case SECCOMP_RET_TRAP: return "trap";
    case SECCOMP_RET_KILL_THREAD: return "kill_thread";
    default: return "kill_process"; /* so the kernel takes what it does not know */
    }
}

/// Tells what the seccomp filters of the selected thread, which must be stopped, would say of a
// remote system call. Nothing is executed.
// @function inferior:seccomp_action
// @string name as in syscalls(2); an unknown one raises
// @param ... up to six integers; those that are left out are 0
// @treturn[1] string "allow", "log", "trace", "user_notif", "errno", "trap", "kill_thread" or
// "kill_process", as in seccomp(2)
// @treturn[2] nil, message, errno (EACCES: this process has no CAP_SYS_ADMIN, or filters of its
// own; EIO: the kernel is without CONFIG_CHECKPOINT_RESTORE; EBUSY: the thread is running; ESRCH:
// it is gone)
// @usage
// print(inferior:seccomp_action("getpid")) -- "allow", for root --> …
static int l_seccomp_action(lua_State *L)
{
    uint64_t args[6] = {0};
    uint32_t action = 0;
    struct inferior *inferior = bind_check_inferior(L, 1);
    long number = remote_syscall_number(luaL_checkstring(L, 2));
    luaL_argcheck(L, number >= 0, 2, "unknown system call");
    luaL_argcheck(L, lua_gettop(L) <= 8, 9, "a system call has at most six arguments");
    for (int i = 0; i < 6 && !lua_isnoneornil(L, 3 + i); i++)
        args[i] = bind_check_address(L, 3 + i);
    struct tracee *thread = inferior_thread(inferior, 0);
    int err = thread ? seccomp_ask(inferior, thread, number, args, &action)
                     : inferior_no_thread(inferior, 0);
    if (err)
        return bind_push_failure(L, "seccomp filter", err);
    lua_pushstring(L, name_of(action));
    return 1;
}

/// Has the kernel stop threads where a seccomp filter says so (SECCOMP_RET_TRACE): the stop is a
// "syscall-entry". From then on the process cannot be let go, since those calls would fail: it is
// killed where others are let go.
// @function inferior:see_filters
// @local
// @treturn[1] boolean true
// @treturn[2] nil, message, errno
static int l_see_filters(lua_State *L)
{
    return bind_push_result(L, "see_filters", inferior_see_filters(bind_check_inferior(L, 1)));
}

/// How seccomp filters name this CPU.
// @field audit_arch
void bind_add_seccomp(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"seccomp_action", l_seccomp_action},
        {"see_filters", l_see_filters},
        {NULL, NULL},
    };
    bind_add_methods(L, methods);
    bind_set_integer(L, "audit_arch", ARCH_AUDIT);
}
