/* SPDX-License-Identifier: Apache-2.0
 * AArch64 instructions that are unlike others under a single step, and some that are made. */
#include "arch.h"

#include <string.h>

enum arch_insn_kind arch_insn_kind(const uint8_t *bytes, size_t size)
{
    uint32_t insn = 0;
    if (size < sizeof insn)
        return ARCH_INSN_PLAIN;
    memcpy(&insn, bytes, sizeof insn);
    return (insn & 0xffe0001f) == 0xd4000001 ? ARCH_INSN_SYSCALL : ARCH_INSN_PLAIN; /* svc */
}

static size_t make(uint8_t *bytes, uint32_t insn)
{
    memcpy(bytes, &insn, sizeof insn);
    return sizeof insn;
}

size_t arch_make_jump(uint8_t *bytes, int32_t distance)
{
    return make(bytes, 0x14000000 | ((uint32_t)distance >> 2 & 0x03ffffff)); /* b */
}

size_t arch_make_return(uint8_t *bytes) { return make(bytes, 0xd65f03c0); } /* ret */
