/* SPDX-License-Identifier: Apache-2.0 */
#include "lua/open.h"

#include <lauxlib.h>

static void (*const openers[])(lua_State *L) = {
    bind_add_inferior, /* first: others add methods to its type */
    bind_add_attach,
    bind_add_blocks,
    bind_add_breakpoint,
    bind_add_cache,
    bind_add_closure,
    bind_add_constants,
    bind_add_ending,
    bind_add_file,
    bind_add_folios,
    bind_add_host,
    bind_add_identity,
    bind_add_image,
    bind_add_init,
    bind_add_late,
    bind_add_launch,
    bind_add_maps,
    bind_add_memory,
    bind_add_message,
    bind_add_options,
    bind_add_pagemap,
    bind_add_perf_map,
    bind_add_privilege,
    bind_add_probe,
    bind_add_process,
    bind_add_program,
    bind_add_registers,
    bind_add_remote,
    bind_add_replay,
    bind_add_rings,
    bind_add_run,
    bind_add_seccomp,
    bind_add_self,
    bind_add_siginfo,
    bind_add_snapshot,
    bind_add_stop,
    bind_add_symbols,
    bind_add_telling,
    bind_add_trial,
    bind_add_wait,
    bind_add_watch,
    bind_add_watchable,
};

#define FUNCTIONS 128 /* room for all: a table that grows is filled anew each time */

static void (*const late_openers[])(lua_State *L) = {
    bind_add_connector,
    bind_add_core_file,
    bind_add_description,
    bind_add_errand,
    bind_add_function,
    bind_add_line,
    bind_add_measure,
    bind_add_samples,
    bind_add_screen,
    bind_add_packets,
    bind_add_stream,
    bind_add_symbol_table,
    bind_add_tlb,
    bind_add_unwind,
};

/// Adds to this module what scripts need and a start does not.
// @function open_late
// @tparam table core this module
static int l_open_late(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    for (size_t i = 0; i < sizeof late_openers / sizeof late_openers[0]; i++)
        late_openers[i](L);
    return 0;
}

/* A test runner may load the module anew for each of its files, in one state. */
int luaopen_tiexec_core(lua_State *L)
{
    lua_createtable(L, 0, FUNCTIONS);
    for (size_t i = 0; i < sizeof openers / sizeof openers[0]; i++)
        openers[i](L);
    lua_pushcfunction(L, l_open_late);
    lua_setfield(L, -2, "open_late");
    return 1;
}
