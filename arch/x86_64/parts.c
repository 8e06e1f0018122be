/* SPDX-License-Identifier: Apache-2.0
 * x86-64 registers that are parts of others, or lie in parts: where the bytes of a register are in
 * its register set. */
#include "arch.h"

#include <cpuid.h>
#include <errno.h>
#include <string.h>

/* ---- parts of the general registers ---- */

static const struct {
    const char name[5], whole[4];
    uint8_t skip, size;
} within[] = {
    {"eax", "rax", 0, 4}, {"ax", "rax", 0, 2}, {"al", "rax", 0, 1}, {"ah", "rax", 1, 1},
    {"ebx", "rbx", 0, 4}, {"bx", "rbx", 0, 2}, {"bl", "rbx", 0, 1}, {"bh", "rbx", 1, 1},
    {"ecx", "rcx", 0, 4}, {"cx", "rcx", 0, 2}, {"cl", "rcx", 0, 1}, {"ch", "rcx", 1, 1},
    {"edx", "rdx", 0, 4}, {"dx", "rdx", 0, 2}, {"dl", "rdx", 0, 1}, {"dh", "rdx", 1, 1},
    {"esi", "rsi", 0, 4}, {"si", "rsi", 0, 2}, {"sil", "rsi", 0, 1},
    {"edi", "rdi", 0, 4}, {"di", "rdi", 0, 2}, {"dil", "rdi", 0, 1},
    {"ebp", "rbp", 0, 4}, {"bp", "rbp", 0, 2}, {"bpl", "rbp", 0, 1},
    {"esp", "rsp", 0, 4}, {"spl", "rsp", 0, 1}, /* sp is the whole of it: arch_register_alias */
    {"r8d", "r8", 0, 4}, {"r8w", "r8", 0, 2}, {"r8l", "r8", 0, 1},
    {"r9d", "r9", 0, 4}, {"r9w", "r9", 0, 2}, {"r9l", "r9", 0, 1},
    {"r10d", "r10", 0, 4}, {"r10w", "r10", 0, 2}, {"r10l", "r10", 0, 1},
    {"r11d", "r11", 0, 4}, {"r11w", "r11", 0, 2}, {"r11l", "r11", 0, 1},
    {"r12d", "r12", 0, 4}, {"r12w", "r12", 0, 2}, {"r12l", "r12", 0, 1},
    {"r13d", "r13", 0, 4}, {"r13w", "r13", 0, 2}, {"r13l", "r13", 0, 1},
    {"r14d", "r14", 0, 4}, {"r14w", "r14", 0, 2}, {"r14l", "r14", 0, 1},
    {"r15d", "r15", 0, 4}, {"r15w", "r15", 0, 2}, {"r15l", "r15", 0, 1},
};

bool arch_register_within(const char *name, struct arch_register *part)
{
    size_t i = 0, count = sizeof within / sizeof within[0];
    while (i < count && strcmp(within[i].name, name) != 0)
        i++;
    for (size_t j = 0; i < count && j < arch_register_count; j++) {
        if (strcmp(arch_registers[j].name, within[i].whole) != 0)
            continue;
        *part = arch_registers[j];
        memcpy(part->name, within[i].name, sizeof within[i].name);
        part->offset = (uint16_t)(part->offset + within[i].skip);
        part->size = within[i].size;
        return true;
    }
    return false;
}

/* ---- registers of the XSAVE area, in its standard format ---- */

/* State components (Intel SDM, volume 1, 13.1): the bits of XSTATE_BV, and the leaves of CPUID. */
enum { SSE = 1, AVX = 2, OPMASK = 5, ZMM_HIGH = 6, ZMM_16 = 7, PKRU = 9 };

#define XSTATE_BV 512 /* the offset of what says which components are not in their first state */
#define XMM_AT    160

struct piece {
    uint32_t at, size;
    int component;
};

/* Gives a piece of a component; its size is 0 if this CPU does not have that. */
static struct piece piece_of(int component, uint32_t at, uint32_t size)
{
    uint32_t length = 0, offset = 0, ecx, edx;
    if (component == SSE)
        return (struct piece){XMM_AT + at, size, SSE};
    if (!__get_cpuid_count(0xd, (unsigned)component, &length, &offset, &ecx, &edx) || !length)
        size = 0;
    return (struct piece){offset + at, size, component};
}

/* Gives the pieces of which a register of the set EXTENDED consists, in order. Returns how many
 * there are. */
static size_t pieces_of(const struct arch_register *reg, struct piece pieces[3])
{
    uint32_t number = reg->offset, size = reg->size;
    size_t count = 0;
    if (*reg->name == 'k')
        pieces[count++] = piece_of(OPMASK, number * 8, size);
    else if (*reg->name == 'p')
        pieces[count++] = piece_of(PKRU, 0, size);
    else if (number >= 16)
        pieces[count++] = piece_of(ZMM_16, (number - 16) * 64, size);
    else {
        pieces[count++] = piece_of(SSE, number * 16, 16);
        pieces[count++] = piece_of(AVX, number * 16, 16);
        if (size > 32)
            pieces[count++] = piece_of(ZMM_HIGH, number * 32, 32);
    }
    return count;
}

static void mark_used(char *set, int component)
{
    uint64_t used;
    memcpy(&used, set + XSTATE_BV, sizeof used);
    used |= UINT64_C(1) << component;
    memcpy(set + XSTATE_BV, &used, sizeof used);
}

/* Copies a register's bytes from its pieces, or to them. What is written to is marked as used. */
static int copy_pieces(const struct arch_register *reg, char *set, size_t set_size, char *bytes,
                       bool write)
{
    struct piece pieces[3];
    size_t count = pieces_of(reg, pieces);
    for (size_t i = 0; i < count; i++)
        if (!pieces[i].size || pieces[i].at + pieces[i].size > set_size)
            return -ENODEV;
    for (size_t i = 0; i < count; i++) {
        char *at = set + pieces[i].at;
        memcpy(write ? at : bytes, write ? bytes : at, pieces[i].size);
        bytes += pieces[i].size;
        if (write)
            mark_used(set, pieces[i].component);
    }
    return 0;
}

/* ---- the tags of the x87 registers ---- */

/* FXSAVE has one bit for each register: is it in use? The tag word has two, which also tell zero
 * and special values apart (Intel SDM, volume 1, 8.1.7). */
enum { TAG_VALID, TAG_ZERO, TAG_SPECIAL, TAG_EMPTY };

static unsigned tag_of(const char *value)
{
    uint64_t mantissa;
    uint16_t exponent;
    memcpy(&mantissa, value, sizeof mantissa);
    memcpy(&exponent, value + 8, sizeof exponent);
    exponent &= 0x7fff;
    if (exponent == 0 && mantissa == 0)
        return TAG_ZERO;
    bool normal = exponent != 0 && exponent != 0x7fff && mantissa >> 63;
    return normal ? TAG_VALID : TAG_SPECIAL;
}

static uint16_t read_tags(const char *set)
{
    unsigned used = (unsigned char)set[4], tags = 0;
    size_t top = (unsigned char)set[3] >> 3 & 7;
    for (size_t i = 0; i < 8; i++) { /* registers by number; st(n) is number top + n */
        const char *value = set + 32 + 16 * ((i + 8 - top) % 8);
        unsigned tag = used >> i & 1 ? tag_of(value) : TAG_EMPTY;
        tags |= tag << 2 * i;
    }
    return (uint16_t)tags;
}

static void write_tags(char *set, uint16_t tags)
{
    unsigned used = 0;
    for (unsigned i = 0; i < 8; i++)
        used |= ((unsigned)tags >> 2 * i & 3) != TAG_EMPTY ? 1U << i : 0;
    set[4] = (char)used;
}

/* ---- a register's bytes ---- */

static bool is_tags(const struct arch_register *reg) { return strcmp(reg->name, "ftag") == 0; }

int arch_register_get(const struct arch_register *reg, const void *set, size_t size, void *bytes)
{
    char *from = (char *)(uintptr_t)set; /* it is not changed */
    if (reg->regset == ARCH_REGSET_EXTENDED)
        return copy_pieces(reg, from, size, bytes, false);
    if ((size_t)reg->offset + reg->size > size)
        return -ENOEXEC;
    uint16_t tags = is_tags(reg) ? read_tags(from) : 0;
    memcpy(bytes, is_tags(reg) ? (const void *)&tags : from + reg->offset, reg->size);
    return 0;
}

int arch_register_put(const struct arch_register *reg, void *set, size_t size, const void *bytes)
{
    uint16_t tags;
    if (reg->regset == ARCH_REGSET_EXTENDED)
        return copy_pieces(reg, set, size, (char *)(uintptr_t)bytes, true);
    if ((size_t)reg->offset + reg->size > size)
        return -ENOEXEC;
    memcpy(&tags, bytes, sizeof tags < reg->size ? sizeof tags : reg->size);
    if (is_tags(reg))
        write_tags(set, tags);
    else
        memcpy((char *)set + reg->offset, bytes, reg->size);
    return 0;
}
