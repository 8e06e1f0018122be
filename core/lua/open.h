/* SPDX-License-Identifier: Apache-2.0
 * The module tiexec.core, and what puts it together: each file of bindings has one opener, which
 * adds the file's functions to the table on top of the stack and its methods to those of the
 * inferior. */
#ifndef TIEXEC_OPEN_H
#define TIEXEC_OPEN_H

#include <lua.h>

/* Pushes the module. It may be called again in the same state: types are made once. */
__attribute__((visibility("default"))) int luaopen_tiexec_core(lua_State *L);

/* Puts the signals back that core.hold_signals has blocked. */
void bind_release_signals(void);

/* Makes the inferior's type; the other openers come after it. */
void bind_add_inferior(lua_State *L);

void bind_add_attach(lua_State *L);
void bind_add_blocks(lua_State *L);
void bind_add_breakpoint(lua_State *L);
void bind_add_cache(lua_State *L);
void bind_add_closure(lua_State *L);
void bind_add_connector(lua_State *L);
void bind_add_constants(lua_State *L);
void bind_add_core_file(lua_State *L);
void bind_add_description(lua_State *L);
void bind_add_errand(lua_State *L);
void bind_add_ending(lua_State *L);
void bind_add_file(lua_State *L);
void bind_add_folios(lua_State *L);
void bind_add_function(lua_State *L);
void bind_add_host(lua_State *L);
void bind_add_identity(lua_State *L);
void bind_add_image(lua_State *L);
void bind_add_init(lua_State *L);
void bind_add_late(lua_State *L);
void bind_add_launch(lua_State *L);
void bind_add_line(lua_State *L);
void bind_add_maps(lua_State *L);
void bind_add_measure(lua_State *L);
void bind_add_memory(lua_State *L);
void bind_add_message(lua_State *L);
void bind_add_options(lua_State *L);
void bind_add_packets(lua_State *L);
void bind_add_pagemap(lua_State *L);
void bind_add_perf_map(lua_State *L);
void bind_add_privilege(lua_State *L);
void bind_add_probe(lua_State *L);
void bind_add_process(lua_State *L);
void bind_add_program(lua_State *L);
void bind_add_registers(lua_State *L);
void bind_add_remote(lua_State *L);
void bind_add_replay(lua_State *L);
void bind_add_rings(lua_State *L);
void bind_add_run(lua_State *L);
void bind_add_samples(lua_State *L);
void bind_add_screen(lua_State *L);
void bind_add_seccomp(lua_State *L);
void bind_add_self(lua_State *L);
void bind_add_siginfo(lua_State *L);
void bind_add_snapshot(lua_State *L);
void bind_add_stop(lua_State *L);
void bind_add_stream(lua_State *L);
void bind_add_symbol_table(lua_State *L);
void bind_add_symbols(lua_State *L);
void bind_add_telling(lua_State *L);
void bind_add_tlb(lua_State *L);
void bind_add_trial(lua_State *L);
void bind_add_unwind(lua_State *L);
void bind_add_wait(lua_State *L);
void bind_add_watch(lua_State *L);
void bind_add_watchable(lua_State *L);

#endif
