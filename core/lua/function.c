/* SPDX-License-Identifier: Apache-2.0
 * Calling functions of the program. */
#include "lua/inferior.h"
#include "lua/open.h"
#include "lua/util.h"
#include "ptrace/remote.h"

#include <errno.h>
#include <limits.h>

/* Gives how many values the list at a stack index has, which are `most` at the most. */
static size_t count_of(lua_State *L, int index, size_t most)
{
    luaL_checktype(L, index, LUA_TTABLE);
    size_t count = lua_rawlen(L, index);
    luaL_argcheck(L, count <= most, index, "too many arguments");
    return count;
}

static struct function check_function(lua_State *L)
{
    struct function function = {.address = bind_check_address(L, 2),
                                .sp = bind_check_address(L, 3)};
    luaL_argcheck(L, function.sp % 16 == 0, 3, "a multiple of 16 expected");
    size_t count = count_of(L, 4, ARCH_FUNCTION_INTEGERS);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, 4, (lua_Integer)i + 1);
        luaL_argcheck(L, lua_isinteger(L, -1), 4, "list of integers expected");
        function.integers[i] = (uint64_t)lua_tointeger(L, -1);
        lua_pop(L, 1);
    }
    function.float_count = count_of(L, 5, ARCH_FUNCTION_FLOATS);
    for (size_t i = 0; i < function.float_count; i++) {
        lua_rawgeti(L, 5, (lua_Integer)i + 1);
        luaL_argcheck(L, lua_type(L, -1) == LUA_TNUMBER, 5, "list of numbers expected");
        function.floats[i] = lua_tonumber(L, -1);
        lua_pop(L, 1);
    }
    return function;
}

/// Makes the selected thread, which must be stopped, call a function of the program.
// @function inferior:run_function
// @local
// @int address
// @int sp where its stack begins, a multiple of 16: the memory below is overwritten
// @tparam table integers list of the arguments in general registers; too many raise
// @tparam table floats list of the arguments in vector registers; too many raise
// @int[opt] timeout milliseconds; when absent as long as a system call: see `call_timeout`
// @treturn[1] int what it has returned in the general register for results, all 64 bits
// @treturn[1] number what it has left in the vector register for results
// @treturn[2] nil, message, errno (ESRCH: the thread has ended; EBUSY: it is running; ETIMEDOUT: it
// has not returned in time; EFAULT: it has raised a signal)
// @treturn[2] ?int the signal that it has raised
// @treturn[2] ?int the pc where it was
static int l_run_function(lua_State *L)
{
    struct function_end end = {0};
    struct inferior *inferior = bind_check_inferior(L, 1);
    struct function function = check_function(L);
    int timeout = bind_opt_timeout(L, 6, inferior->call_ms);
    struct tracee *thread = inferior_thread(inferior, 0);
    int err = thread ? remote_function(inferior, thread, &function, timeout, &end)
                     : inferior_no_thread(inferior, 0);
    if (err) {
        int pushed = bind_push_failure(L, "call", err);
        if (!end.signal)
            return pushed;
        lua_pushinteger(L, end.signal);
        lua_pushinteger(L, (lua_Integer)end.pc);
        return pushed + 2;
    }
    lua_pushinteger(L, (lua_Integer)end.result);
    lua_pushnumber(L, end.float_result);
    return 2;
}

void bind_add_function(lua_State *L)
{
    static const luaL_Reg methods[] = {{"run_function", l_run_function}, {NULL, NULL}};
    bind_add_methods(L, methods);
}
