/* SPDX-License-Identifier: Apache-2.0
 * What the static program alone has: its entry point, which is core/front and then the C library's
 * start; and room for a Lua state (lua/built.h). */
#include "lua/built.h"
#include "start.h"

#define WORDS(number) #number
#define IN_WORDS(number) WORDS(number)

/* Whole pages, of whatever size this CPU may have. */
__asm__(".pushsection .lua_state, \"a\", %progbits\n"
        ".balign 65536\n"
        ".globl built_section\n"
        "built_section: .zero " IN_WORDS(BUILT_SIZE) "\n"
        ".popsection\n");

ARCH_START("front_entry", "front_start_from");
