/* SPDX-License-Identifier: Apache-2.0
 * Becoming another user. */
#include "lua/open.h"
#include "lua/util.h"
#include "os/identity.h"

#include <errno.h>

/* Says in words what an error of identity_find means; NULL: it is another error. */
static const char *explain(int err)
{
    switch (err) {
    case -ENOENT:
        return "there is no such user";
    case -ESRCH:
        return "there is no such group";
    case -EINVAL:
        return "a number that is no user's needs a group: USER:GROUP";
    default:
        return NULL;
    }
}

static int push_user_failure(lua_State *L, const char *spec, int err)
{
    if (!explain(err))
        return bind_push_failure(L, spec, err);
    lua_pushnil(L);
    lua_pushfstring(L, "%s: %s", spec, explain(err));
    lua_pushinteger(L, -err);
    return 3;
}

/// Looks up a user, as --user names it.
// @function user
// @string spec USER[:GROUP], each a name or a number
// @treturn[1] table `uid`, `gid`; `name` and `home`, where the user is in passwd(5)
// @treturn[2] nil, message, errno (ENOENT: there is no such user; ESRCH: no such group; EINVAL: a
// number that is no user's needs a group)
static int l_user(lua_State *L)
{
    struct identity user;
    const char *spec = luaL_checkstring(L, 1);
    int err = identity_find(spec, &user);
    if (!err) {
        lua_newtable(L);
        bind_set_integer(L, "uid", user.uid);
        bind_set_integer(L, "gid", user.gid);
        bind_set_string(L, "name", user.name);
        bind_set_string(L, "home", user.home);
    }
    identity_free(&user);
    return err ? push_user_failure(L, spec, err) : 1;
}

/// Becomes a user for good: ids and groups, and no capabilities unless it is root. After a failure
// the process must end.
// @function become_user
// @string spec USER[:GROUP]
// @bool[opt=false] login sets HOME, USER and LOGNAME, too
// @treturn[1] boolean true
// @treturn[2] nil, message, errno
static int l_become_user(lua_State *L)
{
    struct identity user;
    const char *spec = luaL_checkstring(L, 1);
    bool login = lua_toboolean(L, 2);
    int err = identity_find(spec, &user);
    if (err) {
        identity_free(&user);
        return push_user_failure(L, spec, err);
    }
    err = identity_become(&user, login);
    identity_free(&user);
    return bind_push_result(L, spec, err);
}

void bind_add_identity(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"user", l_user},
        {"become_user", l_become_user},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
