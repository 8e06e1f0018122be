/* SPDX-License-Identifier: Apache-2.0
 * What the page cache has of a file, by blocks of a huge page each. */
#include "lua/open.h"
#include "lua/util.h"
#include "os/blocks.h"
#include "os/blocks_drop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Reads the arguments that all functions have: a file descriptor, the offsets at which the blocks
 * begin and end, and the size of a block. */
static struct blocks check_blocks(lua_State *L)
{
    uint64_t from = bind_check_address(L, 2), to = bind_check_address(L, 3);
    struct blocks blocks = {.fd = (int)luaL_checkinteger(L, 1),
                            .offset = from,
                            .size = to - from,
                            .huge = bind_check_address(L, 4)};
    luaL_argcheck(L, blocks.huge && !(blocks.huge & (blocks.huge - 1)), 4, "no power of two");
    luaL_argcheck(L, from < to && !((from | to) & (blocks.huge - 1)), 3, "not whole huge pages");
    return blocks;
}

typedef int states_of(const struct blocks *blocks, char states[]);

static int push_states(lua_State *L, const char *what, states_of *tell)
{
    struct blocks blocks = check_blocks(L);
    size_t count = blocks.size / blocks.huge;
    char *states = malloc(count);
    int err = states ? tell(&blocks, states) : -ENOMEM;
    if (!err)
        lua_pushlstring(L, states, count);
    free(states);
    return err ? bind_push_failure(L, what, err) : 1;
}

/// What is cached of blocks of a file. Nothing is read.
// @function blocks_look
// @int fd
// @int from offset of the first block
// @int to offset where the last block ends
// @int huge the size of a block: that of a huge page
// @treturn[1] string a letter for each block: "." nothing is cached; "p" some pages are; "s" all
// are, small ones; "h" a huge page is
// @treturn[2] nil, message, errno (EPERM: this user is not told)
static int l_blocks_look(lua_State *L)
{
    return push_states(L, "what is cached", blocks_look);
}

/// Reads blocks of a file into the page cache, onto huge pages where nothing of a block is cached.
// @function blocks_read
// @int fd
// @int from
// @int to
// @int huge
// @treturn[1] string a letter for each block: "h" or "s"
// @treturn[2] nil, message, errno (EFAULT: the file cannot be read)
static int l_blocks_read(lua_State *L)
{
    return push_states(L, "its file", blocks_read);
}

/// Joins cached pages of blocks to huge ones, where the kernel can.
// @function blocks_collapse
// @int fd
// @int from
// @int to
// @int huge
// @treturn[1] boolean true
// @treturn[2] nil, message, errno
static int l_blocks_collapse(lua_State *L)
{
    struct blocks blocks = check_blocks(L);
    return bind_push_result(L, "MADV_COLLAPSE", blocks_collapse(&blocks));
}

/// Tells whether the kernel would join cached pages of a file's text, whatever its filesystem.
// @function joins_text
// @string path
// @int huge the size of a huge page
// @treturn boolean false, too, where the file cannot be opened
static int l_joins_text(lua_State *L)
{
    struct blocks blocks = {.fd = open(luaL_checkstring(L, 1), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    blocks.size = blocks.huge = bind_check_address(L, 2);
    lua_pushboolean(L, blocks.fd >= 0 && blocks.huge > 0 && blocks_can_collapse(&blocks));
    if (blocks.fd >= 0)
        close(blocks.fd);
    return 1;
}

typedef int truth_of(const struct blocks *blocks, bool *are);

static int push_truth(lua_State *L, truth_of *tell)
{
    struct blocks blocks = check_blocks(L);
    bool are;
    int err = tell(&blocks, &are);
    if (err)
        return bind_push_failure(L, "the page cache", err);
    lua_pushboolean(L, are);
    return 1;
}

/// Tells whether all of some blocks is cached.
// @function blocks_are_cached
// @int fd
// @int from
// @int to
// @int huge
// @treturn[1] boolean
// @treturn[2] nil, message, errno (EPERM: this user is not told)
static int l_blocks_are_cached(lua_State *L) { return push_truth(L, blocks_are_cached); }

/// Tells whether any process maps cached pages of blocks.
// @function blocks_are_mapped
// @int fd
// @int from
// @int to
// @int huge
// @treturn[1] boolean
// @treturn[2] nil, message, errno
static int l_blocks_are_mapped(lua_State *L) { return push_truth(L, blocks_are_mapped); }

/// Drops the cached pages of blocks, after what is cached was compared with the medium.
// @function blocks_drop
// @int fd
// @int from
// @int to
// @int huge
// @int direct file descriptor of the same file, past the page cache
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (EILSEQ: the medium has other bytes)
static int l_blocks_drop(lua_State *L)
{
    struct blocks blocks = check_blocks(L);
    return bind_push_result(L, "its file", blocks_drop(&blocks, (int)luaL_checkinteger(L, 5)));
}

void bind_add_blocks(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"blocks_are_cached", l_blocks_are_cached},
        {"blocks_are_mapped", l_blocks_are_mapped},
        {"blocks_collapse", l_blocks_collapse},
        {"blocks_drop", l_blocks_drop},
        {"blocks_look", l_blocks_look},
        {"blocks_read", l_blocks_read},
        {"joins_text", l_joins_text},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
