/* SPDX-License-Identifier: Apache-2.0
 * Registers of the inferior's threads. */
#include "lua/inferior.h"
#include "lua/open.h"
#include "lua/util.h"
#include "ptrace/registers.h"
#include "ptrace/remote.h"

#include <errno.h>
#include <string.h>

#define SAVED_TYPE "tiexec.registers"

static struct arch_register check_register(lua_State *L, int index)
{
    struct arch_register reg;
    const char *name = luaL_checkstring(L, index);
    if (!register_find(name, &reg))
        luaL_argerror(L, index, lua_pushfstring(L, "unknown register '%s'", name));
    return reg;
}

/* Pushes a register: up to eight bytes as an integer, since both CPUs are little-endian; more as a
 * byte string. */
static void push_register(lua_State *L, const struct arch_register *reg, const char *bytes)
{
    uint64_t value = 0;
    if (reg->size > sizeof value) {
        lua_pushlstring(L, bytes, reg->size);
        return;
    }
    memcpy(&value, bytes, reg->size);
    lua_pushinteger(L, (lua_Integer)value);
}

/* Raises for an integer that a register of fewer than 64 bits cannot hold. A negative one is fine
 * if it is one of so many bits. */
static void check_fits(lua_State *L, const struct arch_register *reg, uint64_t value)
{
    unsigned bits = 8U * reg->size;
    int64_t number = (int64_t)value;
    if (bits < 64 && (number >= INT64_C(1) << bits || number < -(INT64_C(1) << (bits - 1))))
        luaL_argerror(L, 3, lua_pushfstring(L, "'%s' has only %d bits", reg->name, (int)bits));
}

static int push_register_failure(lua_State *L, const char *name, int err)
{
    if (err != -ENODEV)
        return bind_push_failure(L, name, err);
    lua_pushnil(L);
    lua_pushfstring(L, "%s: this CPU has no such register", name);
    lua_pushinteger(L, ENODEV);
    return 3;
}

/// Reads one register of a stopped thread. One that this CPU does not have, such as zmm0 or k1,
// gives ENODEV.
// @function inferior:read_register
// @string name GDB's, or pc, sp, fp. It may be a part of a register: eax, al, w0. An unknown one
// raises
// @int[opt] thread its id; the selected one when absent
// @treturn[1] int or, for more than 64 bits, a byte string in the CPU's own order
// @treturn[2] nil, message, errno (EBUSY: the thread is running; ESRCH: it is gone; ENOEXEC: it
// runs 32-bit code; ENODEV: this CPU has no such register)
// @usage
// print(("%#x"):format(inferior:read_register("pc"))) --> 0x…
// print(inferior:symbolize(inferior:read_register("pc"))) --> main
static int l_read_register(lua_State *L)
{
    char bytes[ARCH_REGISTER_MAX];
    struct inferior *inferior = bind_check_inferior(L, 1);
    const struct arch_register reg = check_register(L, 2);
    const struct tracee *thread = bind_opt_thread(L, 3, inferior);
    int err = thread ? register_read(thread, &reg, NULL, bytes) : bind_no_thread(L, 3, inferior);
    if (err)
        return push_register_failure(L, reg.name, err);
    push_register(L, &reg, bytes);
    return 1;
}

/* The thread that is meant, out of the fork that it is in the midst of; NULL: it is not stopped. */
static const struct tracee *settled_thread(lua_State *L, int argument, struct inferior *inferior)
{
    const struct tracee *thread = bind_opt_thread(L, argument, inferior);
    if (thread)
        remote_finish_fork(inferior, inferior_find(inferior, thread->tid));
    return thread && thread->state != TRACEE_RUNNING ? thread : NULL;
}

/// Changes one register of a stopped thread.
// @function inferior:write_register
// @string name as above
// @param value an integer, signed or not, that fits; for more than 64 bits a byte string of the
// register's size. The other bits of a register that is written in part stay as they are
// @int[opt] thread its id; the selected one when absent
// @treturn[1] boolean true
// @treturn[2] nil, message, errno as above
// @usage
// inferior:write_register("pc", inferior:symbol("in_thread"))
// print(inferior:symbolize(inferior:read_register("pc"))) --> in_thread
static int l_write_register(lua_State *L)
{
    char bytes[ARCH_REGISTER_MAX];
    struct inferior *inferior = bind_check_inferior(L, 1);
    const struct arch_register reg = check_register(L, 2);
    if (reg.size > sizeof(uint64_t)) {
        size_t size;
        const char *value = luaL_checklstring(L, 3, &size);
        luaL_argcheck(L, size == reg.size, 3, "byte string of another size");
        memcpy(bytes, value, size);
    } else {
        uint64_t value = bind_check_address(L, 3);
        check_fits(L, &reg, value);
        memcpy(bytes, &value, sizeof value);
    }
    const struct tracee *thread = settled_thread(L, 4, inferior);
    int err = thread ? register_write(thread, &reg, bytes) : bind_no_thread(L, 4, inferior);
    return err ? push_register_failure(L, reg.name, err) : bind_push_result(L, NULL, 0);
}

/// Reads all registers of a group.
// @function inferior:registers
// @string[opt="general"] group "general", "float", "vector", "system" or "all"
// @int[opt] thread its id; the selected one when absent
// @treturn[1] table values, as `read_register` gives them, by the registers' names: those that this
// CPU has, without their parts
// @treturn[2] nil, message, errno as above
// @usage
// local names = {}
// for name in pairs(inferior:registers("general")) do names[#names + 1] = name end
// print(#names > 16) --> true
static int l_registers(lua_State *L)
{
    static const char *const groups[] = {"general", "float", "vector", "system", "all", NULL};
    struct inferior *inferior = bind_check_inferior(L, 1);
    const char *group = groups[luaL_checkoption(L, 2, "general", groups)];
    const struct tracee *thread = bind_opt_thread(L, 3, inferior);
    struct register_set set;
    set.size = 0;
    if (!thread)
        return bind_push_failure(L, "registers", bind_no_thread(L, 3, inferior));
    lua_newtable(L);
    for (size_t i = 0; i < arch_register_count; i++) {
        char bytes[ARCH_REGISTER_MAX];
        const struct arch_register *reg = &arch_registers[i];
        if (strcmp(group, "all") != 0 && strcmp(group, reg->group) != 0)
            continue;
        int err = register_read(thread, reg, &set, bytes);
        if (err == -ENODEV)
            continue;
        if (err)
            return bind_push_failure(L, reg->name, err);
        push_register(L, reg, bytes);
        lua_setfield(L, -2, reg->name);
    }
    return 1;
}

/// Changes the first argument of the system call at whose entry the selected thread is. At the
// call's return, puts the argument back into its register, where user space expects it, if this CPU
// still has it there.
// @function inferior:set_first_argument
// @int value
// @bool[opt=false] returned the thread is at the return
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (EBUSY: the thread is running; ESRCH: it is gone)
// @usage
// inferior:catch_syscalls({ "close" }, { filter = false })
// local event
// repeat
//     inferior:cont()
//     event = inferior:wait()
// until event.reason == "syscall-entry"
// inferior:set_first_argument(99) -- what it closes is not open
// inferior:cont()
// print(tiexec.errno_name(-inferior:wait().result)) --> EBADF
// inferior:set_first_argument(event.arguments[1], true)
static int l_set_first_argument(lua_State *L)
{
    struct arch_regs regs;
    struct inferior *inferior = bind_check_inferior(L, 1);
    uint64_t value = bind_check_address(L, 2);
    bool returned = lua_toboolean(L, 3);
    const struct tracee *thread = inferior_thread(inferior, 0);
    int err = thread ? arch_regs_get(thread->tid, &regs) : inferior_no_thread(inferior, 0);
    if (thread && !err && arch_set_first_argument(&regs, returned, value))
        err = arch_regs_set(thread->tid, &regs);
    return bind_push_result(L, "set_first_argument", err);
}

/// Reads, and changes, the blocked signals of the selected thread, which must be stopped.
// @function inferior:sigmask
// @int[opt] mask to be set: bit n-1 is signal n
// @treturn[1] int the mask as it was before
// @treturn[2] nil, message, errno (EBUSY: the thread is running; ESRCH: it is gone)
// @usage
// local SIGUSR1 <const> = 1 << tiexec.constants.SIGUSR1 - 1
// local before = inferior:sigmask(SIGUSR1) -- it waits from now on
// print(before, inferior:sigmask() == SIGUSR1) --> 0 true
// inferior:sigmask(before)
static int l_sigmask(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    bool set = !lua_isnoneornil(L, 2);
    uint64_t before = 0, mask = set ? bind_check_address(L, 2) : 0;
    const struct tracee *thread = inferior_thread(inferior, 0);
    int err = thread ? tracee_get_sigmask(thread, &before) : inferior_no_thread(inferior, 0);
    if (!err && set)
        err = tracee_set_sigmask(thread, mask);
    if (err)
        return bind_push_failure(L, "sigmask", err);
    lua_pushinteger(L, (lua_Integer)before);
    return 1;
}

/* ---- saved registers; user value 1 is the inferior ---- */

struct saved {
    struct registers registers;
    pid_t tid;
    bool held;
};

/// Saves all registers of a thread, vector state and signal mask included. They are put back when
// the returned value is closed: `local undo <close> = inferior:save()`.
// @function inferior:save
// @int[opt] thread its id; the selected one when absent
// @treturn[1] saved with `:restore()`, which puts them back now, and `:discard()`, after which they
// are not put back
// @treturn[2] nil, message, errno (EBUSY: the thread is running; ESRCH: it is gone)
// @usage
// do
//     local undo <close> = inferior:save()
//     inferior:write_register("sp", 0)
// end
// print(inferior:read_register("sp") ~= 0) --> true
static int l_save(lua_State *L)
{
    struct inferior *inferior = bind_check_inferior(L, 1);
    const struct tracee *thread = settled_thread(L, 2, inferior);
    struct saved *saved = lua_newuserdatauv(L, sizeof *saved, 1);
    *saved = (struct saved){.tid = thread ? thread->tid : 0};
    luaL_setmetatable(L, SAVED_TYPE);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    int err = thread ? registers_save(thread, &saved->registers) : bind_no_thread(L, 2, inferior);
    if (err)
        return bind_push_failure(L, "save", err);
    saved->held = true;
    return 1;
}

/* Puts the registers back, if they are still held. 0 or -errno. */
static int restore(lua_State *L)
{
    const struct saved *saved = luaL_checkudata(L, 1, SAVED_TYPE);
    if (!saved->held)
        return 0;
    lua_getiuservalue(L, 1, 1);
    struct inferior *inferior = bind_check_inferior(L, -1);
    const struct tracee *thread = inferior_thread(inferior, saved->tid);
    return thread ? registers_restore(thread, &saved->registers)
                  : inferior_no_thread(inferior, saved->tid);
}

/// Forgets the registers: they are not put back, neither now nor later.
// @function saved:discard
// @usage
// do
//     local saved <close> = inferior:save()
//     inferior:write_register("pc", inferior:symbol("count"))
//     saved:discard()
// end
// print(inferior:symbolize(inferior:read_register("pc"))) --> count
static int l_saved_discard(lua_State *L)
{
    struct saved *saved = luaL_checkudata(L, 1, SAVED_TYPE);
    if (saved->held)
        registers_free(&saved->registers);
    saved->held = false;
    return 0;
}

/// Puts the registers back now; and once more when the value is closed, unless `discard` is called.
// @function saved:restore
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (EBUSY: the thread is running; ESRCH: it is gone)
// @usage
// local saved <close> = inferior:save()
// inferior:write_register("sp", 0)
// print(saved:restore(), inferior:read_register("sp") ~= 0) --> true true
static int l_saved_restore(lua_State *L) { return bind_push_result(L, "restore", restore(L)); }

/* Called when a scope is left, perhaps by an error. Failures are not told: the process may be
 * gone. */
static int l_saved_close(lua_State *L)
{
    restore(L);
    return l_saved_discard(L);
}

void bind_add_registers(lua_State *L)
{
    static const luaL_Reg inferior_methods[] = {
        {"read_register", l_read_register},
        {"write_register", l_write_register},
        {"registers", l_registers},
        {"set_first_argument", l_set_first_argument},
        {"sigmask", l_sigmask},
        {"save", l_save},
        {NULL, NULL},
    };
    static const luaL_Reg methods[] = {
        {"restore", l_saved_restore},
        {"discard", l_saved_discard},
        {NULL, NULL},
    };
    static const luaL_Reg meta[] = {
        {"__gc", l_saved_discard},
        {"__close", l_saved_close},
        {NULL, NULL},
    };
    bind_add_methods(L, inferior_methods);
    bind_make_type(L, SAVED_TYPE, methods, meta);
}
