/* SPDX-License-Identifier: Apache-2.0
 * The siginfo of the signal by which a thread is stopped. */
#include "lua/inferior.h"
#include "lua/open.h"
#include "lua/util.h"

#include <errno.h>
#include <string.h>

static bool is_fault(int signal)
{
    return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE ||
           signal == SIGTRAP;
}

static void push_siginfo(lua_State *L, const siginfo_t *info)
{
    lua_newtable(L);
    bind_set_integer(L, "signal", (uint64_t)info->si_signo);
    bind_set_integer(L, "errno", (uint64_t)info->si_errno);
    bind_set_integer(L, "code", (uint64_t)(int64_t)info->si_code);
    if (info->si_code > 0 && is_fault(info->si_signo)) {
        bind_set_integer(L, "address", (uint64_t)(uintptr_t)info->si_addr);
    } else {
        bind_set_integer(L, "pid", (uint64_t)(int64_t)info->si_pid);
        bind_set_integer(L, "uid", info->si_uid);
        if (info->si_signo == SIGCHLD)
            bind_set_integer(L, "status", (uint64_t)(int64_t)info->si_status);
        else
            bind_set_integer(L, "value", (uint64_t)(uintptr_t)info->si_value.sival_ptr);
    }
    lua_pushlstring(L, (const char *)info, sizeof *info);
    lua_setfield(L, -2, "bytes");
}

/// Reads the siginfo of the signal by which a thread is stopped, SIGTRAP at other stops.
// @function inferior:siginfo
// @int[opt] thread its id; the selected one when absent
// @treturn[1] Siginfo `signal`, `errno`, `code`; of a fault `address`, else `pid`, `uid`, and
// `status` of a SIGCHLD or the `value` that was sent; `bytes`, all as the kernel has it
// @treturn[2] nil, message, errno (EINVAL: job control has stopped it; EBUSY: the thread is
// running; ESRCH: it is gone)
// @usage
// repeat
//     inferior:cont()
// until inferior:wait().signal_name == "SIGUSR1"
// local info = inferior:siginfo()
// print(info.pid == inferior:pid(), info.code == tiexec.constants.SI_TKILL) --> true true
static int l_siginfo(lua_State *L)
{
    siginfo_t info = {0};
    struct inferior *inferior = bind_check_inferior(L, 1);
    const struct tracee *thread = bind_opt_thread(L, 2, inferior);
    int err = thread ? tracee_siginfo(thread, &info) : bind_no_thread(L, 2, inferior);
    if (err)
        return bind_push_failure(L, "siginfo", err);
    push_siginfo(L, &info);
    return 1;
}

/* Changes an integer field of siginfo to that of the table at stack index 2, if it is there. */
#define SET(name, member, type)                                                                   \
    if (lua_getfield(L, 2, name) != LUA_TNIL)                                                     \
        info->member = (type)luaL_checkinteger(L, -1);                                            \
    lua_pop(L, 1)

static void change(lua_State *L, siginfo_t *info)
{
    void *pointer = NULL;
    SET("signal", si_signo, int);
    SET("errno", si_errno, int);
    SET("code", si_code, int);
    SET("pid", si_pid, pid_t);
    SET("uid", si_uid, uid_t);
    SET("status", si_status, int);
    if (lua_getfield(L, 2, "value") != LUA_TNIL) {
        pointer = (void *)(uintptr_t)luaL_checkinteger(L, -1); /* NOLINT */
        info->si_value.sival_ptr = pointer;
    }
    if (lua_getfield(L, 2, "address") != LUA_TNIL) {
        pointer = (void *)(uintptr_t)luaL_checkinteger(L, -1); /* NOLINT */
        info->si_addr = pointer;
    }
    lua_pop(L, 2);
}

/// Changes the siginfo with which a thread gets the signal that has stopped it.
// @function inferior:set_siginfo
// @tparam table|string what fields as `siginfo` gives them, of which those that are left out stay;
// or all of it, as `bytes`
// @int[opt] thread its id; the selected one when absent
// @treturn[1] boolean true
// @treturn[2] nil, message, errno as `siginfo`
// @usage
// repeat
//     inferior:cont()
// until inferior:wait().signal_name == "SIGUSR1"
// inferior:set_siginfo { pid = 1, uid = 0 }
// print(inferior:siginfo().pid) --> 1
static int l_set_siginfo(lua_State *L)
{
    siginfo_t info;
    size_t size = 0;
    struct inferior *inferior = bind_check_inferior(L, 1);
    const char *bytes = lua_type(L, 2) == LUA_TSTRING ? lua_tolstring(L, 2, &size) : NULL;
    luaL_argcheck(L, !bytes || size == sizeof info, 2, "siginfo has 128 bytes");
    if (!bytes)
        luaL_checktype(L, 2, LUA_TTABLE);
    const struct tracee *thread = bind_opt_thread(L, 3, inferior);
    int err = thread ? tracee_siginfo(thread, &info) : bind_no_thread(L, 3, inferior);
    if (!err && bytes)
        memcpy(&info, bytes, sizeof info);
    else if (!err)
        change(L, &info);
    if (!err)
        err = tracee_set_siginfo(thread, &info);
    return bind_push_result(L, "set_siginfo", err);
}

void bind_add_siginfo(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"siginfo", l_siginfo},
        {"set_siginfo", l_set_siginfo},
        {NULL, NULL},
    };
    bind_add_methods(L, methods);
}
