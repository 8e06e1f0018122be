/* SPDX-License-Identifier: Apache-2.0 */
#include "lua/built.h"

#include "lua/arena.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>

#define STACK              0x200000000 /* nothing else is there in a program at fixed addresses */
#define STACK_SIZE         (256 << 10)
#define STRINGS_OF_A_START 1200 /* more than it makes */

/* What the section begins with. The blocks come after it. */
struct header {
    lua_State *state; /* NULL: the section is empty */
    char pad[8];      /* blocks are aligned to 16 bytes */
};

/* The section, whose pages are the program's own, and read-only: core/lua/start.c. The program that
 * is linked dynamically has none. */
extern char built_section[] __attribute__((weak, visibility("default")));

static struct header *section(void) { return (struct header *)(void *)built_section; }

static bool make_writable(void)
{
    return mprotect(built_section, BUILT_SIZE, PROT_READ | PROT_WRITE) == 0;
}

lua_State *built_take(void)
{
    lua_State *L = section() ? section()->state : NULL;
    if (!L || !make_writable())
        return NULL;
    section()->state = NULL;
    arena_adopt(built_section, BUILT_SIZE);
    return L;
}

/* Lua's seed for hashing strings comes of the time, of an address on the stack, and of others which
 * are fixed; and dead slots of Lua's stack hold addresses of buffers on C's. So a state is made at
 * time 0, on a stack at a fixed address. The linker gives calls of time to __wrap_time. */
static bool is_time_fixed;

time_t __real_time(time_t *result);
time_t __wrap_time(time_t *result);

time_t __wrap_time(time_t *result) { return is_time_fixed ? 0 : __real_time(result); }

/* Has Lua's table of strings grow now, so that it need not at a start: all strings would be written
 * to, and each of their pages copied. */
static void make_room_for_strings(lua_State *L)
{
    for (int i = 0; i < STRINGS_OF_A_START; i++) {
        lua_pushfstring(L, "s%d", i);
        lua_pop(L, 1);
    }
}

static int open_all(lua_State *L)
{
    lua_gc(L, LUA_GCSTOP);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_call(L, 0, 0);
    make_room_for_strings(L);
    return 0;
}

static const char *write_section(const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file)
        return strerror(errno);
    size_t written = fwrite(built_section, 1, BUILT_SIZE, file);
    if (fclose(file) != 0 || written != BUILT_SIZE)
        return "it could not be written";
    return NULL;
}

static lua_CFunction opener;
static lua_State *made;
static const char *failure;
static ucontext_t caller, maker;

static void make_state(void)
{
    made = lua_newstate(arena_allocate, NULL);
    if (!made)
        return;
    lua_pushcfunction(made, opener);
    lua_pushcclosure(made, open_all, 1);
    if (lua_pcall(made, 0, 0, 0) != LUA_OK)
        failure = lua_tostring(made, -1);
    lua_gc(made, LUA_GCCOLLECT);
    lua_gc(made, LUA_GCRESTART);
}

static int make_on_fixed_stack(void)
{
    void *stack = mmap((void *)STACK, STACK_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (stack != (void *)STACK || getcontext(&maker) < 0)
        return -1;
    maker.uc_stack.ss_sp = stack;
    maker.uc_stack.ss_size = STACK_SIZE;
    maker.uc_link = &caller;
    makecontext(&maker, make_state, 0);
    return swapcontext(&caller, &maker);
}

const char *built_write(const char *path, lua_CFunction open)
{
    if (!section() || section()->state || !make_writable())
        return "the program has no room for it";
    is_time_fixed = true;
    opener = open;
    arena_build(built_section + sizeof(struct header), BUILT_SIZE - sizeof(struct header));
    if (make_on_fixed_stack() < 0 || !made)
        return "out of memory";
    if (failure)
        return failure;
    section()->state = made;
    return write_section(path);
}
