/* SPDX-License-Identifier: Apache-2.0
 * Pages larger than the base page and smaller than the PMD's. */
#include "lua/open.h"
#include "lua/util.h"
#include "proc/folios.h"

#include <unistd.h>

/// How much of a range lies in pages of at least a given size, which may be smaller than the PMD's.
// @function folios
// @int pid
// @int start
// @int stop
// @int size of a page, bytes; what is not a power of two, or smaller than the base page, raises
// @treturn[1] int bytes
// @treturn[2] nil, message, errno (EPERM, EACCES: this process lacks CAP_SYS_ADMIN)
static int l_folios(lua_State *L)
{
    pid_t pid = bind_check_pid(L, 1);
    uint64_t start = bind_check_address(L, 2), stop = bind_check_address(L, 3), bytes;
    uint64_t size = bind_check_address(L, 4);
    bool is_size = size >= (uint64_t)sysconf(_SC_PAGESIZE) && (size & (size - 1)) == 0;
    luaL_argcheck(L, is_size, 4, "not a page's size");
    int err = folios_bytes(pid, start, stop, size, &bytes);
    if (err)
        return bind_push_failure(L, "pagemap", err);
    lua_pushinteger(L, (lua_Integer)bytes);
    return 1;
}

void bind_add_folios(lua_State *L)
{
    static const luaL_Reg functions[] = {{"folios", l_folios}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
