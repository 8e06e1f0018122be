/* SPDX-License-Identifier: Apache-2.0
 * Keeping the steps of a start for the next one. */
#include "lua/open.h"
#include "lua/util.h"
#include "ptrace/remote.h"
#include "replay/steps.h"

#include <errno.h>
#include <string.h>

static uint64_t integer_field(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);
    lua_Integer value = luaL_checkinteger(L, -1);
    lua_pop(L, 1);
    return (uint64_t)value;
}

/* Where addresses lie that are kept relative to a place. */
struct span {
    uint64_t start, stop;
};

static struct span span_field(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);
    struct span span = {integer_field(L, -1, "start"), integer_field(L, -1, "stop")};
    lua_pop(L, 1);
    return span;
}

static bool has(struct span span, uint64_t value)
{
    return span.start <= value && value < span.stop;
}

/* The places of the program before and after it was moved, and of memory mapped at any place. */
struct spans {
    struct span old, new, aside;
};

/* Takes the value on top of the stack as a value of a step. */
static void keep_value(lua_State *L, struct step *step, size_t i, const struct spans *spans)
{
    if (lua_type(L, -1) == LUA_TSTRING) {
        step->bases[i] = STEP_FILE;
        lua_pop(L, 1);
        return;
    }
    uint64_t value = (uint64_t)luaL_optinteger(L, -1, 0), base = 0;
    if (has(spans->new, value)) {
        step->bases[i] = STEP_NEW;
        base = spans->new.start;
    } else if (has(spans->old, value)) {
        step->bases[i] = STEP_OLD;
        base = spans->old.start;
    } else if (has(spans->aside, value)) {
        step->bases[i] = STEP_ASIDE;
        base = spans->aside.start;
    }
    step->values[i] = value - base;
    lua_pop(L, 1);
}

/* Takes the table on top of the stack as a step. */
static void keep_step(lua_State *L, struct step *step, const struct spans *spans)
{
    static const char *const kinds[] = {"open", "call", "copy", "move", "look", NULL};
    int index = lua_gettop(L);
    lua_getfield(L, index, "kind");
    step->kind = (uint8_t)luaL_checkoption(L, -1, NULL, kinds);
    lua_getfield(L, index, "name");
    step->call = lua_isstring(L, -1) ? remote_syscall_number(lua_tostring(L, -1)) : -1;
    lua_settop(L, index);
    for (size_t i = 0; i < sizeof step->values / sizeof step->values[0]; i++) {
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        keep_value(L, step, i, spans);
    }
    lua_pop(L, 1);
}

/* Takes the table on top of the stack as a mapping. */
static void keep_mapping(lua_State *L, struct steps_mapping *mapping, struct span old)
{
    int index = lua_gettop(L);
    mapping->start = integer_field(L, index, "start") - old.start;
    mapping->stop = integer_field(L, index, "stop") - old.start;
    mapping->offset = integer_field(L, index, "offset");
    mapping->is_file = integer_field(L, index, "inode") != 0;
    lua_getfield(L, index, "perms");
    strncpy(mapping->perms, luaL_checkstring(L, -1), sizeof mapping->perms); /* NOLINT: no NUL */
    lua_settop(L, index - 1);
}

/* Gives how many items the field of the table at index 2 has, and leaves it on the stack. */
static uint64_t list_field(lua_State *L, const char *name, size_t most)
{
    lua_getfield(L, 2, name);
    luaL_checktype(L, -1, LUA_TTABLE);
    lua_Unsigned count = lua_rawlen(L, -1);
    luaL_argcheck(L, count > 0 && count <= most, 2, "none or too many");
    return count;
}

static void keep_mappings(lua_State *L, struct steps *steps, const struct spans *spans)
{
    steps->mapping_count = list_field(L, "mappings", STEPS_MAPPINGS);
    for (size_t i = 0; i < steps->mapping_count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        keep_mapping(L, &steps->mappings[i], spans->old);
    }
    lua_pop(L, 1);
}

static void keep_steps(lua_State *L, struct steps *steps, const struct spans *spans)
{
    steps->step_count = list_field(L, "steps", STEPS_MAX);
    for (size_t i = 0; i < steps->step_count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        keep_step(L, &steps->list[i], spans);
    }
    lua_pop(L, 1);
}

/* Takes what the table at index 2 says of the text and of the move. */
static void keep_text(lua_State *L, struct steps *steps, const struct spans *spans)
{
    struct span text = span_field(L, 2, "text");
    steps->text_start = text.start - spans->new.start;
    steps->text_stop = text.stop - spans->new.start;
    steps->text_offset = integer_field(L, 2, "offset");
    steps->huge = integer_field(L, 2, "huge");
    steps->distance = integer_field(L, 2, "distance");
    steps->congruence = integer_field(L, 2, "congruence");
    steps->alignment = integer_field(L, 2, "alignment");
    steps->is_moved = spans->old.start != spans->new.start;
    steps->is_fixed = spans->old.start == 0;
}

/// Keeps the steps of a start for the next start of the same file: core/replay.
// @function keep_start
// @string path of the executable
// @tparam table start `huge`, the size of a huge page; `old` and `new`, spans of the program before
// and after it was moved; `aside`, that of memory mapped at any place; `text`, the Range that is on
// huge pages, and `offset`, where that begins in the file; `distance`, `congruence` and `alignment`
// of the move; `mappings`, those of the program before, and `steps`, what was done: each has its
// `kind`, `name` and values
// @treturn[1] boolean true
// @treturn[2] nil, message, errno (EAGAIN: the file was changed just now)
static int l_keep_start(lua_State *L)
{
    struct stat st;
    struct steps steps;
    const char *path = luaL_checkstring(L, 1);
    memset(&steps, 0, sizeof steps);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    const struct spans spans = {span_field(L, 2, "old"), span_field(L, 2, "new"),
                                span_field(L, 2, "aside")};
    keep_text(L, &steps, &spans);
    keep_mappings(L, &steps, &spans);
    keep_steps(L, &steps, &spans);
    int err = stat(path, &st) < 0 ? -errno : steps_keep(&steps, &st);
    return bind_push_result(L, path, err);
}

/// Gives the folder in which steps are kept for this user.
// @function starts_folder
// @treturn string
static int l_starts_folder(lua_State *L)
{
    char path[STEPS_PATH];
    steps_folder(path);
    lua_pushstring(L, path);
    return 1;
}

void bind_add_replay(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"keep_start", l_keep_start}, {"starts_folder", l_starts_folder}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
