/* SPDX-License-Identifier: Apache-2.0
 * Messages on standard error, and signals that writing brings. */
#include "base/message.h"
#include "base/signals.h"
#include "lua/open.h"
#include "lua/util.h"

/// Writes a text to standard error. It is dropped where nobody takes it within a second.
// @function write_message
// @string text
static int l_write_message(lua_State *L)
{
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    message_write(text, size);
    return 0;
}

/// Closes standard error. Later messages go to that of the process lent by `lend_message`.
// @function leave_messages
static int l_leave_messages(lua_State *L)
{
    (void)L;
    message_leave();
    return 0;
}

/// Names the process whose standard error later messages may go to. They do only if it is the same
// file as this process has had.
// @function lend_messages
// @int pid
static int l_lend_messages(lua_State *L)
{
    message_lend(bind_check_pid(L, 1));
    return 0;
}

void bind_add_message(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"write_message", l_write_message},
        {"leave_messages", l_leave_messages},
        {"lend_messages", l_lend_messages},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
