/* SPDX-License-Identifier: Apache-2.0
 * Unwinding stacks by tables. */
#include "base/file.h"
#include "elf/unwind.h"
#include "lua/inferior.h"
#include "lua/open.h"
#include "lua/util.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define UNWINDER_TYPE "tiexec.unwinder"
#define FRAMES_MAX    65536

static struct unwinder **check_unwinder(lua_State *L)
{
    struct unwinder **unwinder = luaL_checkudata(L, 1, UNWINDER_TYPE);
    luaL_argcheck(L, *unwinder, 1, "unwinder is closed");
    return unwinder;
}

/// Makes an unwinder for a process.
// @function unwinder
// @int pid
// @treturn[1] unwinder with `:add(object)`, `:frames(inferior, thread, limit)`
// @treturn[2] nil, message, errno (ELIBACC: libdw.so.1 is not installed)
static int l_unwinder(lua_State *L)
{
    pid_t pid = bind_check_pid(L, 1);
    struct unwinder **unwinder = lua_newuserdatauv(L, sizeof(void *), 0);
    *unwinder = NULL;
    luaL_setmetatable(L, UNWINDER_TYPE);
    int err = unwinder_open(pid, unwinder);
    if (err == -ELIBACC) {
        lua_pushnil(L);
        lua_pushstring(L, "libdw.so.1 is not installed");
        lua_pushinteger(L, ELIBACC);
        return 3;
    }
    return err ? bind_push_failure(L, "unwinder", err) : 1;
}

/* Puts an image into a file of its own, as libdw wants it. Gives a descriptor or -errno. */
static int file_of(const char *bytes, size_t size)
{
    int fd = memfd_create("tiexec image", MFD_CLOEXEC);
    if (fd >= 0 && write(fd, bytes, size) == (ssize_t)size)
        return fd;
    int err = fd < 0 ? -errno : -EIO;
    if (fd >= 0)
        close(fd);
    return err;
}

/// Adds an object of the process.
// @function unwinder:add
// @string path of its file; or its name, if its image is given
// @int bias
// @string[opt] debug path of its debug file
// @string[opt] image
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (ENOEXEC: it is of an unknown kind)
static int l_add(lua_State *L)
{
    size_t size = 0;
    struct unwinder *unwinder = *check_unwinder(L);
    struct unwind_object object = {.name = luaL_checkstring(L, 2),
                                   .bias = bind_check_address(L, 3),
                                   .debug = luaL_optstring(L, 4, NULL)};
    const char *image = luaL_optlstring(L, 5, NULL, &size);
    object.fd = image ? file_of(image, size) : file_open(object.name);
    int err = object.fd < 0 ? object.fd : unwinder_add(unwinder, &object);
    return bind_push_result(L, object.name, err);
}

/// Lists the frames of a stopped thread, the innermost first.
// @function unwinder:frames
// @tparam inferior inferior
// @int thread its id
// @int limit frames
// @treturn[1] table list of pcs
// @treturn[1] table list of booleans: the pc is where the frame is; else where a call in it will
// return to
// @treturn[1] boolean whether these are all
// @treturn[2] nil, message, errno (EBUSY: the thread is running; ESRCH: it is gone)
static int l_frames(lua_State *L)
{
    struct unwinder *unwinder = *check_unwinder(L);
    struct inferior *inferior = bind_check_inferior(L, 2);
    lua_Integer limit = luaL_checkinteger(L, 4);
    luaL_argcheck(L, limit > 0 && limit <= FRAMES_MAX, 4, "1 to 65536 expected");
    struct unwind_frames frames = {.room = (size_t)limit};
    frames.list = lua_newuserdatauv(L, frames.room * sizeof *frames.list, 0);
    const struct tracee *thread = bind_opt_thread(L, 3, inferior);
    if (!thread)
        return bind_push_failure(L, "frames", bind_no_thread(L, 3, inferior));
    int err = unwinder_frames(unwinder, inferior, thread, &frames);
    lua_newtable(L);
    lua_newtable(L);
    for (size_t i = 0; i < frames.count; i++) {
        lua_pushinteger(L, (lua_Integer)frames.list[i].pc);
        lua_rawseti(L, -3, (lua_Integer)i + 1);
        lua_pushboolean(L, frames.list[i].is_activation);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_pushboolean(L, !err);
    return 3;
}

/// Tells where the address of a function's caller is.
// @function return_place
// @string code the function's first bytes, up to the pc: what it has executed
// @treturn[1] string "frame": beside the saved frame pointer
// @treturn[2] string "stack"
// @treturn[2] int bytes above the stack pointer
// @treturn[3] string "register"
// @treturn[3] string its name
static int l_return_place(lua_State *L)
{
    size_t size;
    const char *code = luaL_checklstring(L, 1, &size);
    int place = arch_return_place((const uint8_t *)code, size);
    lua_pushstring(L, place == ARCH_IN_FRAME ? "frame" : place >= 0 ? "stack" : "register");
    if (place == ARCH_IN_FRAME)
        return 1;
    if (place == ARCH_IN_LINK_REGISTER)
        lua_pushstring(L, ARCH_LINK_REGISTER);
    else
        lua_pushinteger(L, place);
    return 2;
}

static int l_close(lua_State *L)
{
    struct unwinder **unwinder = luaL_checkudata(L, 1, UNWINDER_TYPE);
    unwinder_free(*unwinder);
    *unwinder = NULL;
    return 0;
}

void bind_add_unwind(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"unwinder", l_unwinder},
        {"return_place", l_return_place},
        {NULL, NULL},
    };
    static const luaL_Reg methods[] = {{"add", l_add}, {"frames", l_frames}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", l_close}, {"__close", l_close}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    bind_make_type(L, UNWINDER_TYPE, methods, meta);
}
