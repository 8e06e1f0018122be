/* SPDX-License-Identifier: Apache-2.0
 * Files and folders. */
#include "base/digest.h"
#include "base/direct.h"
#include "base/file.h"
#include "lua/open.h"
#include "lua/util.h"
#include "os/replace.h"
#include "os/stamp.h"
#include "os/trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

/// Reads all of a file: a regular one, or one of /proc and /sys. A FIFO is not waited for.
// @function read_file
// @string path
// @int[opt] limit bytes to be read at the most; all of the file when absent
// @treturn[1] string
// @treturn[2] nil, message, errno (EAGAIN: a FIFO that has nothing yet; EISDIR: a folder)
static int l_read_file(lua_State *L)
{
    char *data = NULL;
    size_t size = 0;
    const char *path = luaL_checkstring(L, 1);
    lua_Integer limit = luaL_optinteger(L, 2, LUA_MAXINTEGER);
    luaL_argcheck(L, limit >= 0, 2, "a limit is not negative");
    int err = file_read_start(path, (size_t)limit, &data, &size);
    if (err)
        return bind_push_failure(L, path, err);
    lua_pushlstring(L, data, size);
    free(data);
    return 1;
}

/// Reads a file of /proc or /sys that the kernel gives at once, such as status and auxv, with fewer
// system calls.
// @function read_at_once
// @string path
// @treturn[1] string
// @treturn[2] nil, message, errno
static int l_read_at_once(lua_State *L)
{
    char *data = NULL;
    size_t size = 0;
    const char *path = luaL_checkstring(L, 1);
    int err = file_read_at_once(path, &data, &size);
    if (err)
        return bind_push_failure(L, path, err);
    lua_pushlstring(L, data, size);
    free(data);
    return 1;
}

/// Reads all of a regular file, and no other.
// @function read_regular
// @string path
// @int limit bytes that it may have
// @treturn[1] string
// @treturn[2] nil, message, errno (EINVAL: it is no regular file; EFBIG: it is longer)
static int l_read_regular(lua_State *L)
{
    char *data = NULL;
    size_t size = 0;
    const char *path = luaL_checkstring(L, 1);
    lua_Integer limit = luaL_checkinteger(L, 2);
    luaL_argcheck(L, limit >= 0, 2, "a limit is not negative");
    int err = file_read_regular(path, (size_t)limit, &data, &size);
    if (err == -EINVAL) {
        lua_pushnil(L);
        lua_pushfstring(L, "%s: it is not a regular file", path);
        lua_pushinteger(L, EINVAL);
        return 3;
    }
    if (err)
        return bind_push_failure(L, path, err);
    lua_pushlstring(L, data, size);
    free(data);
    return 1;
}

/// Says why root must not obey a file: another user can have written it, or can put another one in
// its place.
// @function distrust
// @string path
// @treturn ?string nil: it can be trusted, there is none, or this user is not root
static int l_distrust(lua_State *L)
{
    lua_pushstring(L, trust_refuse_path(luaL_checkstring(L, 1)));
    return 1;
}

static int push_no_reader(lua_State *L, const char *path)
{
    lua_pushnil(L);
    lua_pushfstring(L, "%s: nobody reads it", path);
    lua_pushinteger(L, ENXIO);
    return 3;
}

static int close_stream(lua_State *L)
{
    luaL_Stream *stream = luaL_checkudata(L, 1, LUA_FILEHANDLE);
    return luaL_fileresult(L, fclose(stream->f) == 0, NULL);
}

/* Pushes a file of Lua's io library for a descriptor, or what has made it a -errno. */
static int push_file(lua_State *L, const char *path, int fd)
{
    if (fd == -ENXIO)
        return push_no_reader(L, path);
    luaL_Stream *stream = lua_newuserdatauv(L, sizeof *stream, 0);
    stream->closef = NULL;
    luaL_setmetatable(L, LUA_FILEHANDLE);
    stream->f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!stream->f)
        return bind_push_failure(L, path, fd < 0 ? fd : -errno);
    stream->closef = close_stream;
    return 1;
}

/// Opens a file for writing, as io.open(path, "w") does; but programs that this process becomes do
// not inherit it, and a FIFO or terminal is never waited for.
// @function create_file
// @string path
// @bool[opt] patient wait for whoever reads, when it is written to
// @treturn[1] file of Lua's io library
// @treturn[2] nil, message, errno (ENXIO: a FIFO without a reader)
static int l_create_file(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    int fd = file_create(path);
    if (fd >= 0 && lua_toboolean(L, 2))
        fcntl(fd, F_SETFL, 0);
    return push_file(L, path, fd);
}

/// The same, but what the file has stays. Each write goes behind it as a whole, so that others may
// write to the file, too.
// @function append_file
// @string path "-": standard output
// @treturn[1] file of Lua's io library, without a buffer
// @treturn[2] nil, message, errno (ENXIO: a FIFO without a reader)
static int l_append_file(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    bool is_output = strcmp(path, "-") == 0;
    int fd = is_output ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
                       : file_append(path);
    int count = push_file(L, path, fd < 0 && is_output ? -errno : fd);
    if (count == 1)
        setvbuf(((luaL_Stream *)lua_touserdata(L, -1))->f, NULL, _IONBF, 0);
    return count;
}

/// Replaces a file by one with other contents, in one step: whoever reads it sees either.
// @function replace_file
// @string path
// @string text
// @treturn[1] boolean true
// @treturn[2] nil, message, errno: it is as it was
static int l_replace_file(lua_State *L)
{
    size_t size;
    const char *path = luaL_checkstring(L, 1), *text = luaL_checklstring(L, 2, &size);
    return bind_push_result(L, path, replace_file(path, text, size));
}

/// A 64-bit digest (XXH3) of a string. It tells accidents apart, not attacks.
// @function digest
// @string text
// @treturn string 16 hexadecimal digits
static int l_digest(lua_State *L)
{
    char digest[DIGEST_64_SIZE];
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    digest_64(text, size, digest);
    lua_pushstring(L, digest);
    return 1;
}

static int64_t nanoseconds(const struct timespec *t)
{
    return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

/// What stat(2) tells of a file.
// @function stat
// @string path
// @bool[opt=false] link tells of a symbolic link itself
// @treturn[1] table `device`, `inode`, `size` (bytes), `mtime` (nanoseconds), `mode`, `uid`,
// `allocated` (bytes)
// @treturn[2] nil, message, errno
static int l_stat(lua_State *L)
{
    struct stat st;
    const char *path = luaL_checkstring(L, 1);
    if ((lua_toboolean(L, 2) ? lstat(path, &st) : stat(path, &st)) < 0)
        return bind_push_failure(L, path, -errno);
    lua_createtable(L, 0, 7);
    bind_set_integer(L, "device", st.st_dev);
    bind_set_integer(L, "inode", st.st_ino);
    bind_set_integer(L, "size", (uint64_t)st.st_size);
    bind_set_integer(L, "mtime", (uint64_t)nanoseconds(&st.st_mtim));
    bind_set_integer(L, "mode", st.st_mode);
    bind_set_integer(L, "uid", st.st_uid);
    bind_set_integer(L, "allocated", (uint64_t)st.st_blocks * 512);
    return 1;
}

/// Where a symbolic link leads.
// @function readlink
// @string path
// @treturn[1] string
// @treturn[2] nil, message, errno (EINVAL: it is no link)
static int l_readlink(lua_State *L)
{
    char target[4096];
    const char *path = luaL_checkstring(L, 1);
    ssize_t length = readlink(path, target, sizeof target);
    if (length < 0)
        return bind_push_failure(L, path, -errno);
    lua_pushlstring(L, target, (size_t)length);
    return 1;
}

/// The absolute path of a file that is there, without links: as /proc has it.
// @function realpath
// @string path
// @treturn[1] string
// @treturn[2] nil, message, errno
static int l_realpath(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    char *found = realpath(path, NULL);
    if (!found)
        return bind_push_failure(L, path, -errno);
    lua_pushstring(L, found);
    free(found);
    return 1;
}

/// Opens a file for reading.
// @function open_file
// @string path
// @bool[opt=false] direct reads a regular file from its medium, whatever the page cache has of it
// @treturn[1] int file descriptor
// @treturn[2] nil, message, errno (EOPNOTSUPP: the filesystem has no way past the page cache)
static int l_open_file(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    int fd = lua_toboolean(L, 2) ? direct_open(path) : file_open(path);
    if (fd < 0)
        return bind_push_failure(L, path, fd);
    lua_pushinteger(L, fd);
    return 1;
}

/// Reads a part of a regular file past the page cache, which stays as it is, where the filesystem
// can do that.
// @function read_aside
// @string path
// @int offset
// @int size bytes, 1 MiB at most
// @treturn[1] string shorter at the end of the file
// @treturn[2] nil, message, errno
static int l_read_aside(lua_State *L)
{
    char *data;
    size_t got;
    const char *path = luaL_checkstring(L, 1);
    uint64_t offset = bind_check_address(L, 2), size = bind_check_address(L, 3);
    luaL_argcheck(L, size <= 1 << 20, 3, "1 MiB at most");
    int err = direct_read(path, offset, (size_t)size, &data, &got);
    if (err)
        return bind_push_failure(L, path, err);
    lua_pushlstring(L, data, got);
    free(data);
    return 1;
}

/// The type of the filesystem that a file lies on, as statfs(2) has it.
// @function filesystem_type
// @string path
// @treturn[1] int
// @treturn[2] nil, message, errno
static int l_filesystem_type(lua_State *L)
{
    struct statfs fs;
    const char *path = luaL_checkstring(L, 1);
    if (statfs(path, &fs) < 0)
        return bind_push_failure(L, path, -errno);
    lua_pushinteger(L, (lua_Integer)fs.f_type);
    return 1;
}

/// What tells the contents of a file from all that it has ever had.
// @function stamp
// @string path
// @treturn[1] table `text`, which is equal as long as the file is unchanged; `device`, `inode`;
// `age`, the nanoseconds since the last change, which are negative if the clock was set back
// @treturn[2] nil, message, errno (EOPNOTSUPP: its filesystem may not tell of each change)
static int l_stamp(lua_State *L)
{
    struct stamp stamp;
    const char *path = luaL_checkstring(L, 1);
    int err = stamp_read(path, &stamp);
    if (err)
        return bind_push_failure(L, path, err);
    lua_createtable(L, 0, 4);
    bind_set_string(L, "text", stamp.text);
    bind_set_integer(L, "device", stamp.device);
    bind_set_integer(L, "inode", stamp.inode);
    bind_set_integer(L, "age", (uint64_t)stamp.age);
    return 1;
}

static int not_hidden(const struct dirent *entry) { return entry->d_name[0] != '.'; }

/// The names in a folder, sorted. Those that begin with a dot are left out.
// @function list_folder
// @string path
// @treturn[1] table list of strings
// @treturn[2] nil, message, errno
static int l_list_folder(lua_State *L)
{
    struct dirent **entries;
    const char *path = luaL_checkstring(L, 1);
    int count = scandir(path, &entries, not_hidden, alphasort);
    if (count < 0)
        return bind_push_failure(L, path, -errno);
    lua_createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        lua_pushstring(L, entries[i]->d_name);
        lua_rawseti(L, -2, i + 1);
        free(entries[i]);
    }
    free(entries);
    return 1;
}

/// Tells whether a name matches a shell pattern: fnmatch(3) without flags.
// @function fnmatch
// @string pattern
// @string name
// @treturn boolean
static int l_fnmatch(lua_State *L)
{
    lua_pushboolean(L, fnmatch(luaL_checkstring(L, 1), luaL_checkstring(L, 2), 0) == 0);
    return 1;
}

void bind_add_file(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"read_file", l_read_file},
        {"append_file", l_append_file},
        {"replace_file", l_replace_file},
        {"read_aside", l_read_aside},
        {"read_at_once", l_read_at_once},
        {"create_file", l_create_file},
        {"digest", l_digest},
        {"stat", l_stat},
        {"read_regular", l_read_regular},
        {"distrust", l_distrust},
        {"readlink", l_readlink},
        {"realpath", l_realpath},
        {"open_file", l_open_file},
        {"filesystem_type", l_filesystem_type},
        {"stamp", l_stamp},
        {"list_folder", l_list_folder},
        {"fnmatch", l_fnmatch},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
