/* SPDX-License-Identifier: Apache-2.0
 * What the static program alone has: its entry point, which is core/front and then the C library's
 * start; and room for a Lua state (lua/built.h). */
#include "start.h"

/* Whole pages, of whatever size this CPU may have. */
__asm__(".pushsection .lua_state, \"a\", %progbits\n"
        ".balign 65536\n"
        ".globl built_section, built_section_end\n"
        "built_section: .zero 1048576\n"
        "built_section_end:\n"
        ".popsection\n");

ARCH_START("front_entry", "front_start_from");
