/* SPDX-License-Identifier: Apache-2.0
 * Which kinds of pages map a range. */
#include "lua/open.h"
#include "lua/util.h"
#include "proc/pagemap.h"

/// How many bytes of a range are mapped by which kind of page, from the page tables of that range
// alone.
// @function pagemap
// @int pid
// @int start
// @int stop
// @treturn[1] table bytes: `file_huge`, `anon_huge` (hugetlb included), `file_small`, `anon_small`
// @treturn[2] nil, message, errno (ENOTTY: the kernel is older than Linux 6.7)
static int l_pagemap(lua_State *L)
{
    struct pagemap sums;
    pid_t pid = bind_check_pid(L, 1);
    uint64_t start = bind_check_address(L, 2), stop = bind_check_address(L, 3);
    int err = pagemap_scan(pid, start, stop, &sums);
    if (err)
        return bind_push_failure(L, "pagemap", err);
    lua_createtable(L, 0, 4);
    bind_set_integer(L, "file_huge", sums.file_huge);
    bind_set_integer(L, "anon_huge", sums.anon_huge);
    bind_set_integer(L, "file_small", sums.file_small);
    bind_set_integer(L, "anon_small", sums.anon_small);
    return 1;
}

static int push_sum(lua_State *L, int (*sum)(pid_t, uint64_t, uint64_t, uint64_t *))
{
    pid_t pid = bind_check_pid(L, 1);
    uint64_t start = bind_check_address(L, 2), stop = bind_check_address(L, 3), bytes;
    int err = sum(pid, start, stop, &bytes);
    if (err)
        return bind_push_failure(L, "pagemap", err);
    lua_pushinteger(L, (lua_Integer)bytes);
    return 1;
}

/// How many bytes of a range are on pages that are mapped more than once.
// @function pagemap_shared
// @int pid
// @int start a multiple of the base page
// @int stop another
// @treturn[1] int bytes
// @treturn[2] nil, message, errno
static int l_pagemap_shared(lua_State *L) { return push_sum(L, pagemap_shared); }

/// How many bytes of a range are on pages of the process's own: in a mapping of a file those that
// were written to.
// @function pagemap_written
// @int pid
// @int start a multiple of the base page
// @int stop another
// @treturn[1] int bytes, what is in swap space included
// @treturn[2] nil, message, errno
static int l_pagemap_written(lua_State *L) { return push_sum(L, pagemap_written); }

void bind_add_pagemap(lua_State *L)
{
    static const luaL_Reg functions[] = {{"pagemap", l_pagemap},
                                         {"pagemap_shared", l_pagemap_shared},
                                         {"pagemap_written", l_pagemap_written},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
