/* SPDX-License-Identifier: Apache-2.0
 * x86-64 instructions that are unlike others under a single step, and some that are made. */
#include "arch.h"

#include <string.h>

/* Tells whether a byte is a prefix: operand and address size, segment, lock, repeat, REX. */
static bool is_prefix(uint8_t byte)
{
    return byte == 0x66 || byte == 0x67 || byte == 0x26 || byte == 0x2e || byte == 0x36 ||
           byte == 0x3e || byte == 0x64 || byte == 0x65 || byte == 0xf0 || byte == 0xf2 ||
           byte == 0xf3 || (byte & 0xf0) == 0x40;
}

/* ins, outs, movs, cmps, stos, lods, scas */
static bool is_string(uint8_t opcode)
{
    return (opcode >= 0x6c && opcode <= 0x6f) || (opcode >= 0xa4 && opcode <= 0xa7) ||
           (opcode >= 0xaa && opcode <= 0xaf);
}

enum arch_insn_kind arch_insn_kind(const uint8_t *bytes, size_t size)
{
    bool repeated = false;
    size_t i = 0;
    for (; i < size && is_prefix(bytes[i]); i++)
        repeated |= bytes[i] == 0xf2 || bytes[i] == 0xf3;
    if (i == size)
        return ARCH_INSN_PLAIN;
    uint8_t opcode = bytes[i], second = i + 1 < size ? bytes[i + 1] : 0;
    if ((opcode == 0x0f && (second == 0x05 || second == 0x34)) || /* syscall, sysenter */
        (opcode == 0xcd && second == 0x80))                      /* int $0x80 */
        return ARCH_INSN_SYSCALL;
    if (repeated && is_string(opcode))
        return ARCH_INSN_REPEATED;
    return opcode == 0x9c ? ARCH_INSN_FLAGS : ARCH_INSN_PLAIN; /* pushf */
}

size_t arch_make_jump(uint8_t *bytes, int32_t distance)
{
    enum { LENGTH = 5 };
    int32_t from_end = distance - LENGTH;
    bytes[0] = 0xe9;
    memcpy(bytes + 1, &from_end, sizeof from_end);
    return LENGTH;
}

size_t arch_make_return(uint8_t *bytes)
{
    bytes[0] = 0xc3;
    return 1;
}
