/* SPDX-License-Identifier: Apache-2.0
 * Options of a command line. */
#include "lua/open.h"
#include "lua/util.h"

#include <getopt.h>
#include <string.h>

/* Builds getopt_long's table from the list of options at a stack index. The table is a userdata,
 * which is pushed; the strings are the list's. */
static struct option *check_long_options(lua_State *L, int index)
{
    luaL_checktype(L, index, LUA_TTABLE);
    size_t count = lua_rawlen(L, index);
    struct option *options = lua_newuserdatauv(L, (count + 1) * sizeof *options, 0);
    memset(options, 0, (count + 1) * sizeof *options);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        lua_getfield(L, -1, "name");
        lua_getfield(L, -2, "argument");
        lua_getfield(L, -3, "short");
        lua_getfield(L, -4, "optional");
        int argument = lua_toboolean(L, -1) ? optional_argument : required_argument;
        options[i].name = luaL_checkstring(L, -4);
        options[i].has_arg = lua_isnil(L, -3) ? no_argument : argument;
        options[i].val = lua_isnil(L, -2) ? 256 + (int)i : luaL_checkstring(L, -2)[0];
        lua_pop(L, 5);
    }
    return options;
}

/* Pushes getopt_long's string of short options. In it "+" makes the parser stop at the first
 * operand, and ":" makes it tell a missing argument from an unknown option. */
static const char *push_short_options(lua_State *L, const struct option *options)
{
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    luaL_addstring(&buffer, "+:");
    for (; options->name; options++) {
        if (options->val >= 256)
            continue;
        luaL_addchar(&buffer, (char)options->val);
        if (options->has_arg)
            luaL_addstring(&buffer, options->has_arg == optional_argument ? "::" : ":");
    }
    luaL_pushresult(&buffer);
    return lua_tostring(L, -1);
}

/* Tells whether option number `option`, from 0, is followed by operands alone. */
static bool is_last(lua_State *L, int index, int option)
{
    lua_rawgeti(L, index, option + 1);
    lua_getfield(L, -1, "last");
    bool last = lua_toboolean(L, -1);
    lua_pop(L, 2);
    return last;
}

/* Pushes nil and what is wrong with the word that getopt_long has just refused. */
static int push_misuse(lua_State *L, int code, char **argv)
{
    const char *word = argv[optind - 1];
    lua_pushnil(L);
    if (code == ':')
        lua_pushfstring(L, "option '%s' needs an argument", word);
    else if (optopt && strncmp(word, "--", 2) != 0)
        lua_pushfstring(L, "unknown option '-%c'", optopt);
    else if (optopt)
        lua_pushfstring(L, "option '%s' takes no argument", word);
    else
        lua_pushfstring(L, "unknown option '%s'", word);
    return 2;
}

/// Parses options with getopt_long(3), up to the first operand.
// @function getopt
// @tparam table argv list of strings, the program's name first
// @tparam table options list of {name=, short=, argument=, optional=, last=}: `short` is a letter,
// `argument` says that the option takes one, `optional` that the argument may be left out and else
// is in the same word, `last` that all that follows the option are operands
// @treturn[1] table list of {name, value} in the order given; the value is true for an option
// that has no argument
// @treturn[1] int index in argv of the first operand
// @treturn[2] nil, message: there is an unknown option, or an argument missing or too much
static int l_getopt(lua_State *L)
{
    int code, at, count = 0;
    lua_settop(L, 2);
    char **argv = bind_check_argv(L, 1);
    struct option *options = check_long_options(L, 2);
    const char *shorts = push_short_options(L, options);
    while (argv[count])
        count++;
    lua_newtable(L);
    opterr = 0;
    optind = 0; /* glibc: start afresh */
    for (lua_Integer n = 1; (code = getopt_long(count, argv, shorts, options, NULL)) != -1; n++) {
        if (code == '?' || code == ':')
            return push_misuse(L, code, argv);
        for (at = 0; options[at].val != code; at++)
            ;
        lua_createtable(L, 2, 0);
        lua_pushstring(L, options[at].name);
        lua_rawseti(L, -2, 1);
        if (options[at].has_arg && optarg)
            lua_pushstring(L, optarg);
        else
            lua_pushboolean(L, 1);
        lua_rawseti(L, -2, 2);
        lua_rawseti(L, -2, n);
        if (is_last(L, 2, at))
            break;
    }
    lua_pushinteger(L, optind + 1);
    return 2;
}

void bind_add_options(lua_State *L)
{
    static const luaL_Reg functions[] = {{"getopt", l_getopt}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
