/* SPDX-License-Identifier: Apache-2.0
 * A Lua state that was opened when the program was built, with the modules of a start in it. To
 * open the libraries and to load some seventy modules takes longer than anything else in a start.
 * As the static program's functions and data have fixed addresses, the memory of such a state can
 * be a part of the program. It is the file's own pages, and those that are written to are copied.
 */
#ifndef TIEXEC_BUILT_H
#define TIEXEC_BUILT_H

#include <lua.h>

#define BUILT_SIZE 1048576 /* bytes of the section .lua_state */

/* Gives that state, or NULL: the program has none, or there is no memory for it. A second call
 * gives NULL, too. Its search paths are Lua's own: it has not looked at the environment. */
lua_State *built_take(void);

/* Opens a state by `open`, a lua_CFunction that is called in protected mode, and writes the file
 * `path` with which the Makefile fills the program's section .lua_state. Equal programs write equal
 * bytes. Returns NULL, or what was wrong. */
const char *built_write(const char *path, lua_CFunction open);

#endif
