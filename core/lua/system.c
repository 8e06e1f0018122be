/* SPDX-License-Identifier: Apache-2.0 */
#include "lua/util.h"
#include "ptrace/remote.h"
#include "base/clock.h"
#include "os/privilege.h"
#include "os/trial.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Builds getopt_long's table from a Lua list of {name, "none"|"required"}; both arrays are Lua's. */
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
        options[i].name = luaL_checkstring(L, -3);
        options[i].has_arg = lua_isnil(L, -2) ? no_argument : required_argument;
        options[i].val = lua_isnil(L, -1) ? 256 + (int)i : luaL_checkstring(L, -1)[0];
        lua_pop(L, 4);
    }
    return options;
}

/* "+" stops at the first operand; ":" tells a missing argument from an unknown option. */
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
            luaL_addchar(&buffer, ':');
    }
    luaL_pushresult(&buffer);
    return lua_tostring(L, -1);
}

static bool is_last(lua_State *L, int index, int option)
{
    lua_rawgeti(L, index, option + 1);
    lua_getfield(L, -1, "last");
    bool last = lua_toboolean(L, -1);
    lua_pop(L, 2);
    return last;
}

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
// @tparam table options list of {name=, short=, argument=, last=}; `argument` says that it takes one,
// `last` that what follows are operands
// @treturn[1] table list of {name, value} in the order given; value true where it takes none
// @treturn[1] integer index in argv of the first operand
// @treturn[2] nil, message
static int l_getopt(lua_State *L)
{
    int code, at, count = 0;
    lua_settop(L, 2);
    char **argv = lua_check_argv(L, 1);
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
        if (options[at].has_arg)
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

/* ---- the rest ---- */

/* What a trial's copy of this process does with the function on top of the stack. */
struct trial {
    lua_State *L;
    size_t used, max; /* bytes allocated in the copy, and how many it may; 0: no bound */
    lua_Alloc allocate;
    void *context;
};

enum { TRIAL_FAILED = 1, TRIAL_TOO_LARGE = 2, CPU_SECONDS = 2 };

/* Refusing memory would raise an error, which can be caught over and over: so the copy ends. */
static void *allocate_bounded(void *context, void *block, size_t old, size_t new)
{
    struct trial *trial = context;
    size_t had = block ? old : 0; /* else it is a type's number */
    if (new > had && trial->used + (new - had) > trial->max)
        _exit(TRIAL_TOO_LARGE);
    void *result = trial->allocate(trial->context, block, old, new);
    if (result || !new)
        trial->used = trial->used + new > had ? trial->used + new - had : 0;
    return result;
}

static int run_trial(void *context, int out)
{
    struct trial *trial = context;
    size_t size;
    trial->allocate = lua_getallocf(trial->L, &trial->context);
    if (trial->max) {
        struct rlimit seconds = {CPU_SECONDS, CPU_SECONDS}; /* then SIGKILL: SIGXCPU may be blocked */
        setrlimit(RLIMIT_CPU, &seconds);
        lua_setallocf(trial->L, allocate_bounded, trial);
    }
    int status = lua_pcall(trial->L, 0, 1, 0);
    const char *text = lua_tolstring(trial->L, -1, &size);
    for (size_t done = 0; text && done < size;) {
        ssize_t n = write(out, text + done, size - done);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return status == LUA_OK ? 0 : TRIAL_FAILED;
}

static int push_trial_failure(lua_State *L, int status, const char *text, bool bounded)
{
    lua_pushnil(L);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && bounded)
        lua_pushstring(L, "it ran too long");
    else if (WIFSIGNALED(status))
        lua_pushfstring(L, "killed by signal %d", WTERMSIG(status));
    else if (WEXITSTATUS(status) == TRIAL_TOO_LARGE)
        lua_pushstring(L, "it used too much memory");
    else
        lua_pushstring(L, *text ? text : "it raised an error that is not a string");
    return 2;
}

/// Calls a function in a forked copy of this process: whatever it does, only the copy suffers.
// @function trial
// @func f returns a string or nothing
// @int timeout milliseconds
// @int[opt] mebibytes of memory that it may use; then it has 2 seconds of processor time, too
// @treturn[1] string what f returned, "" for nothing
// @treturn[2] nil, message: f raised, the copy was killed, or a bound was passed
static int l_trial(lua_State *L)
{
    char *text = NULL;
    size_t size = 0;
    int status = 0, timeout = (int)luaL_checkinteger(L, 2);
    struct trial trial = {.L = L, .max = (size_t)luaL_optinteger(L, 3, 0) << 20};
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_pushvalue(L, 1);
    int err = trial_run(run_trial, &trial, timeout, &status, &text, &size);
    if (err == -ETIMEDOUT) {
        lua_pushnil(L);
        lua_pushstring(L, "it ran too long");
    } else if (err) {
        lua_push_failure(L, "trial", err);
    } else if (status) {
        push_trial_failure(L, status, text, trial.max > 0);
    } else {
        lua_pushlstring(L, text, size);
    }
    free(text);
    return err || status ? 2 : 1;
}

/// Makes this very process execute a system call, with integers only.
// @function syscall
// @string name
static int l_syscall(lua_State *L)
{
    long args[6] = {0}, number = remote_syscall_number(luaL_checkstring(L, 1));
    luaL_argcheck(L, number >= 0, 1, "unknown system call");
    for (int i = 0; i < 6 && !lua_isnoneornil(L, 2 + i); i++)
        args[i] = (long)lua_check_address(L, 2 + i);
    long result = syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]);
    if (result == -1)
        return lua_push_failure(L, lua_tostring(L, 1), -errno);
    lua_pushinteger(L, result);
    return 1;
}

/// The signals that this process blocks: bit n - 1 is signal n.
// @function signal_mask
// @int[opt] mask to be set
// @treturn int what it was before
static int l_signal_mask(lua_State *L)
{
    sigset_t new, old;
    bool set = !lua_isnoneornil(L, 1);
    uint64_t mask = set ? lua_check_address(L, 1) : 0, before = 0;
    sigemptyset(&new);
    for (int n = 1; n <= 64; n++)
        if (mask >> (n - 1) & 1)
            sigaddset(&new, n);
    sigprocmask(SIG_SETMASK, set ? &new : NULL, &old);
    for (int n = 1; n <= 64; n++)
        before |= sigismember(&old, n) == 1 ? UINT64_C(1) << (n - 1) : 0;
    lua_pushinteger(L, (lua_Integer)before);
    return 1;
}

/// Why exec of a file would change rights: "setuid", "setgid", "capabilities", or nil.
// @function privilege_of
// @string path
static int l_privilege_of(lua_State *L)
{
    lua_pushstring(L, privilege_of(luaL_checkstring(L, 1)));
    return 1;
}

/// Seconds of a clock that never goes back.
// @function now
static int l_now(lua_State *L)
{
    lua_pushnumber(L, (double)clock_now() / 1e9);
    return 1;
}

/// Does nothing for a while.
// @function pause
// @int milliseconds
static int l_pause(lua_State *L)
{
    lua_Integer ms = luaL_checkinteger(L, 1);
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
    return 0;
}

/// Whether a file descriptor is a terminal.
// @function isatty
// @int fd
static int l_isatty(lua_State *L)
{
    lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
    return 1;
}

/// Where a symbolic link leads.
// @function readlink
// @string path
static int l_readlink(lua_State *L)
{
    char target[4096];
    const char *path = luaL_checkstring(L, 1);
    ssize_t length = readlink(path, target, sizeof target);
    if (length < 0)
        return lua_push_failure(L, path, -errno);
    lua_pushlstring(L, target, (size_t)length);
    return 1;
}

/// The absolute path of a file that is there, without links: as /proc has it.
// @function realpath
// @string path
static int l_realpath(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    char *found = realpath(path, NULL);
    if (!found)
        return lua_push_failure(L, path, -errno);
    lua_pushstring(L, found);
    free(found);
    return 1;
}

static int not_hidden(const struct dirent *entry) { return entry->d_name[0] != '.'; }

/// The names in a folder, sorted; hidden ones are left out.
// @function list_folder
// @string path
static int l_list_folder(lua_State *L)
{
    struct dirent **entries;
    const char *path = luaL_checkstring(L, 1);
    int count = scandir(path, &entries, not_hidden, alphasort);
    if (count < 0)
        return lua_push_failure(L, path, -errno);
    lua_createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        lua_pushstring(L, entries[i]->d_name);
        lua_rawseti(L, -2, i + 1);
        free(entries[i]);
    }
    free(entries);
    return 1;
}

/// Whether a name matches a shell pattern, fnmatch(3) without flags.
// @function fnmatch
// @string pattern
// @string name
static int l_fnmatch(lua_State *L)
{
    lua_pushboolean(L, fnmatch(luaL_checkstring(L, 1), luaL_checkstring(L, 2), 0) == 0);
    return 1;
}

/// The id of this process.
// @function getpid
static int l_getpid(lua_State *L)
{
    lua_pushinteger(L, getpid());
    return 1;
}

void lua_add_system(lua_State *L)
{
    static const luaL_Reg functions[] = {{"getopt", l_getopt},
                                         {"trial", l_trial},
                                         {"syscall", l_syscall},
                                         {"signal_mask", l_signal_mask},
                                         {"privilege_of", l_privilege_of},
                                         {"now", l_now}, {"pause", l_pause},
                                         {"isatty", l_isatty},
                                         {"getpid", l_getpid},
                                         {"readlink", l_readlink},
                                         {"realpath", l_realpath},
                                         {"fnmatch", l_fnmatch},
                                         {"list_folder", l_list_folder},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
