/* SPDX-License-Identifier: Apache-2.0 */
#include "lua/stream.h"

#include "base/clock.h"
#include "base/stream.h"
#include "lua/open.h"
#include "lua/util.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define STREAM_TYPE "tiexec.stream"
#define LARGEST     65536 /* bytes of one read */

/* A stream, or a socket that listens. */
struct stream {
    int in, out; /* the same one for a socket; negative: closed */
    pid_t pid;   /* of the command at its other end; 0: none */
};

static struct stream *push_stream(lua_State *L)
{
    struct stream *stream = lua_newuserdatauv(L, sizeof *stream, 0);
    *stream = (struct stream){-1, -1, 0};
    luaL_setmetatable(L, STREAM_TYPE);
    return stream;
}

static struct stream *check_stream(lua_State *L, int index)
{
    struct stream *stream = luaL_checkudata(L, index, STREAM_TYPE);
    luaL_argcheck(L, stream->in >= 0, index, "stream is closed");
    return stream;
}

int bind_opt_stream(lua_State *L, int index)
{
    return lua_isnoneornil(L, index) ? -1 : check_stream(L, index)->in;
}

/* Reads a place: a host and a port at `index` and after it, or a path alone. */
static struct stream_place check_place(lua_State *L, int index)
{
    const char *first = luaL_checkstring(L, index), *port = luaL_optstring(L, index + 1, NULL);
    return port ? (struct stream_place){first, port, NULL} : (struct stream_place){.path = first};
}

static int64_t check_deadline(lua_State *L, int index)
{
    return clock_deadline(bind_opt_timeout(L, index, -1));
}

/* The result of what gives a descriptor: the stream is on top of the stack. */
static int push_opened(lua_State *L, const char *what, struct stream *stream, int fd)
{
    if (fd < 0)
        return bind_push_failure(L, what, fd);
    stream->in = stream->out = fd;
    return 1;
}

/// Listens for a peer.
// @function stream_listen
// @string host its name or number; or, without a port, the path of a socket
// @string[opt] port a number; "0" takes one that is free
// @treturn[1] stream only `accept`, `port` and `close` are for this one
// @treturn[2] nil, message, errno (EADDRINUSE; EADDRNOTAVAIL: there is no such host)
static int l_stream_listen(lua_State *L)
{
    struct stream_place place = check_place(L, 1);
    struct stream *stream = push_stream(L);
    return push_opened(L, "listen", stream, stream_listen(&place));
}

/// Connects to a peer that listens.
// @function stream_connect
// @string host as for `stream_listen`
// @string[opt] port
// @int[opt] timeout milliseconds
// @treturn[1] stream
// @treturn[2] nil, message, errno (ECONNREFUSED; ETIMEDOUT; …)
static int l_stream_connect(lua_State *L)
{
    struct stream_place place = check_place(L, 1);
    int64_t deadline = check_deadline(L, 3);
    struct stream *stream = push_stream(L);
    return push_opened(L, "connect", stream, stream_connect(&place, deadline));
}

/// Runs a shell command, whose standard input and output are the stream's other end.
// @function stream_spawn
// @string command
// @treturn[1] stream when it is closed the command is given a second to end
// @treturn[2] nil, message, errno
static int l_stream_spawn(lua_State *L)
{
    const char *command = luaL_checkstring(L, 1);
    struct stream *stream = push_stream(L);
    return push_opened(L, "spawn", stream, stream_spawn(command, &stream->pid));
}

/// Takes this process's standard input and output for a stream. They are /dev/null from then on.
// @function stream_stdio
// @treturn[1] stream
// @treturn[2] nil, message, errno
static int l_stream_stdio(lua_State *L)
{
    struct stream *stream = push_stream(L);
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing < 0)
        return bind_push_failure(L, "/dev/null", -errno);
    stream->in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    stream->out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int err = stream->in < 0 || stream->out < 0 || dup2(nothing, STDIN_FILENO) < 0 ||
                      dup2(nothing, STDOUT_FILENO) < 0
                  ? -errno
                  : 0;
    close(nothing);
    return err ? bind_push_failure(L, "standard input", err) : 1;
}

/// Waits for one peer.
// @function stream:accept
// @int[opt] timeout milliseconds
// @treturn[1] stream
// @treturn[2] nil, message, errno (ETIMEDOUT; EINTR: this process is about to end)
static int l_accept(lua_State *L)
{
    const struct stream *listener = check_stream(L, 1);
    int64_t deadline = check_deadline(L, 2);
    struct stream *stream = push_stream(L);
    return push_opened(L, "accept", stream, stream_accept(listener->in, deadline));
}

/// The port that a socket listens at.
// @function stream:port
// @treturn int 0: it is a path
static int l_port(lua_State *L)
{
    lua_pushinteger(L, stream_port(check_stream(L, 1)->in));
    return 1;
}

/// Reads what has come, and waits until something has.
// @function stream:read
// @int[opt] timeout milliseconds
// @treturn[1] string "" where the peer has closed the stream
// @treturn[2] nil, message, errno (ETIMEDOUT; EINTR: this process is about to end)
static int l_read(lua_State *L)
{
    char bytes[LARGEST];
    const struct stream *stream = check_stream(L, 1);
    int64_t deadline = check_deadline(L, 2);
    ssize_t n = stream_read(stream->in, bytes, sizeof bytes, deadline);
    if (n < 0)
        return bind_push_failure(L, "read", (int)n);
    lua_pushlstring(L, bytes, (size_t)n);
    return 1;
}

/// Writes all of a string.
// @function stream:write
// @string bytes
// @int[opt] timeout milliseconds
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (EPIPE: the peer is gone; ETIMEDOUT: it does not read; EINTR:
// this process is about to end)
static int l_write(lua_State *L)
{
    size_t size;
    const struct stream *stream = check_stream(L, 1);
    const char *bytes = luaL_checklstring(L, 2, &size);
    int64_t deadline = check_deadline(L, 3);
    return bind_push_result(L, "write", stream_write(stream->out, bytes, size, deadline));
}

/// Closes the stream, if it is open.
// @function stream:close
static int l_close(lua_State *L)
{
    struct stream *stream = luaL_checkudata(L, 1, STREAM_TYPE);
    pid_t pid = stream->pid;
    if (stream->in >= 0)
        close(stream->in);
    if (stream->out >= 0 && stream->out != stream->in)
        close(stream->out);
    *stream = (struct stream){-1, -1, 0};
    if (pid)
        stream_end(pid);
    return 0;
}

void bind_add_stream(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"stream_listen", l_stream_listen}, {"stream_connect", l_stream_connect},
        {"stream_spawn", l_stream_spawn},   {"stream_stdio", l_stream_stdio},
        {NULL, NULL},
    };
    static const luaL_Reg methods[] = {
        {"accept", l_accept}, {"port", l_port},   {"read", l_read},
        {"write", l_write},   {"close", l_close}, {NULL, NULL},
    };
    static const luaL_Reg meta[] = {{"__gc", l_close}, {"__close", l_close}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    bind_make_type(L, STREAM_TYPE, methods, meta);
}
