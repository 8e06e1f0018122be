/* SPDX-License-Identifier: Apache-2.0
 * The execs of a host, by the kernel's proc connector. */
#include "lua/open.h"
#include "lua/util.h"
#include "os/connector.h"

#include <stdbool.h>
#include <unistd.h>

#define CONNECTOR_TYPE "tiexec.connector"
#define AT_ONCE        256 /* processes that one read gives */

static int *check(lua_State *L)
{
    int *fd = luaL_checkudata(L, 1, CONNECTOR_TYPE);
    luaL_argcheck(L, *fd >= 0, 1, "connector is closed");
    return fd;
}

/// Begins to listen to the kernel's proc connector, which tells of each exec of the host.
// @function connector
// @treturn[1] connector to be closed
// @treturn[2] nil, message, errno (EPERM: CAP_NET_ADMIN is lacking; ENOTCONN: this is no namespace
// of the host's; EPROTONOSUPPORT: the kernel has none)
static int l_connector(lua_State *L)
{
    int *fd = lua_newuserdatauv(L, sizeof *fd, 0);
    int err = connector_open(fd);
    if (err)
        return bind_push_failure(L, "proc connector", err);
    luaL_setmetatable(L, CONNECTOR_TYPE);
    return 1;
}

/// Waits until there is something to read.
// @function connector:wait
// @int timeout milliseconds; a signal may end the wait early
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (ETIMEDOUT)
static int l_wait(lua_State *L)
{
    const int *fd = check(L);
    return bind_push_result(L, "wait", connector_wait(*fd, bind_opt_timeout(L, 2, 0)));
}

/// Takes out what the kernel has told.
// @function connector:read
// @treturn table list of the ids of processes that have become another program
// @treturn boolean whether something was lost
static int l_read(lua_State *L)
{
    const int *fd = check(L);
    pid_t list[AT_ONCE];
    bool lost = false;
    lua_Integer count = 0;
    size_t n;
    lua_newtable(L);
    do {
        n = connector_read(*fd, list, AT_ONCE, &lost);
        for (size_t i = 0; i < n; i++) {
            lua_pushinteger(L, list[i]);
            lua_rawseti(L, -2, ++count);
        }
    } while (n == AT_ONCE);
    lua_pushboolean(L, lost);
    return 2;
}

static int l_close(lua_State *L)
{
    int *fd = luaL_checkudata(L, 1, CONNECTOR_TYPE);
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    return 0;
}

void bind_add_connector(lua_State *L)
{
    static const luaL_Reg functions[] = {{"connector", l_connector}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"wait", l_wait},
        {"read", l_read},
        {"close", l_close},
        {NULL, NULL},
    };
    static const luaL_Reg meta[] = {{"__gc", l_close}, {"__close", l_close}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    bind_make_type(L, CONNECTOR_TYPE, methods, meta);
}
