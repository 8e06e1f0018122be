/* SPDX-License-Identifier: Apache-2.0
 * AArch64 instructions that are unlike others under a single step. */
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
