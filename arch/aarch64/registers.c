/* SPDX-License-Identifier: Apache-2.0
 * AArch64 registers by their GDB names. */
#include "arch.h"

#include "base/file.h"
#include "base/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#ifndef NT_ARM_SSVE /* Linux 5.19 */
#define NT_ARM_SSVE 0x40b
#define NT_ARM_ZA   0x40c
#endif
#ifndef NT_ARM_ZT /* Linux 6.3 */
#define NT_ARM_ZT 0x40d
#endif
#ifndef NT_ARM_FPMR /* Linux 6.9 */
#define NT_ARM_FPMR 0x40e
#endif

#define GENERAL(reg, at, size) {reg, "general", ARCH_REGSET_GENERAL, at, size}
#define X(n) GENERAL("x" #n, offsetof(struct user_pt_regs, regs[n]), 8)
#define V(n) {"v" #n, "vector", ARCH_REGSET_FLOAT, 16 * (n), 16}
#define FLOAT(reg) {#reg, "float", ARCH_REGSET_FLOAT, offsetof(struct user_fpsimd_state, reg), 4}

const struct arch_register arch_registers[] = {
    X(0), X(1), X(2), X(3), X(4), X(5), X(6), X(7), X(8), X(9), X(10),
    X(11), X(12), X(13), X(14), X(15), X(16), X(17), X(18), X(19), X(20), X(21),
    X(22), X(23), X(24), X(25), X(26), X(27), X(28), X(29), X(30),
    GENERAL("sp", offsetof(struct user_pt_regs, sp), 8),
    GENERAL("pc", offsetof(struct user_pt_regs, pc), 8),
    GENERAL("cpsr", offsetof(struct user_pt_regs, pstate), 4),
    {"syscall", "system", ARCH_REGSET_SYSCALL, 0, 4},
    {"tpidr", "system", ARCH_REGSET_TLS, 0, 8},
    V(0), V(1), V(2), V(3), V(4), V(5), V(6), V(7), V(8), V(9), V(10),
    V(11), V(12), V(13), V(14), V(15), V(16), V(17), V(18), V(19), V(20), V(21),
    V(22), V(23), V(24), V(25), V(26), V(27), V(28), V(29), V(30), V(31),
    FLOAT(fpsr), FLOAT(fpcr),
};
const size_t arch_register_count = sizeof arch_registers / sizeof arch_registers[0];

const char *arch_register_alias(const char *name)
{
    if (strcmp(name, "fp") == 0)
        return "x29";
    if (strcmp(name, "lr") == 0)
        return "x30";
    return NULL;
}

/* Reads the number of a register's name: 0 to `last`, or -1. */
static int number_of(const char *digits, int last)
{
    int number = 0;
    if (!*digits || (*digits == '0' && digits[1]))
        return -1;
    for (; *digits; digits++) {
        if (*digits < '0' || *digits > '9' || number > last)
            return -1;
        number = 10 * number + (*digits - '0');
    }
    return number <= last ? number : -1;
}

bool arch_register_within(const char *name, struct arch_register *part)
{
    static const char letters[] = "bhsdq"; /* of 1, 2, 4, 8 and 16 bytes */
    const char *letter = *name ? strchr(letters, *name) : NULL;
    int number = *name ? number_of(name + 1, *name == 'w' ? 30 : 31) : -1;
    if (number < 0 || (*name != 'w' && !letter))
        return false;
    *part = (struct arch_register)X(0);
    if (letter)
        *part = (struct arch_register)V(0);
    part->offset = (uint16_t)(part->offset + number * part->size);
    part->size = (uint16_t)(letter ? 1 << (letter - letters) : 4);
    strncpy(part->name, name, sizeof part->name - 1);
    return true;
}

int arch_register_get(const struct arch_register *reg, const void *set, size_t size, void *bytes)
{
    if ((size_t)reg->offset + reg->size > size)
        return -ENOEXEC;
    memcpy(bytes, (const char *)set + reg->offset, reg->size);
    return 0;
}

int arch_register_put(const struct arch_register *reg, void *set, size_t size, const void *bytes)
{
    if ((size_t)reg->offset + reg->size > size)
        return -ENOEXEC;
    memcpy((char *)set + reg->offset, bytes, reg->size);
    return 0;
}

int arch_regset_note(enum arch_regset regset)
{
    static const int notes[] = {NT_PRSTATUS, NT_PRFPREG, NT_ARM_TLS, NT_ARM_SYSTEM_CALL};
    return notes[regset];
}

static int get(pid_t tid, int note, void *bytes, size_t *size)
{
    struct iovec iov = {bytes, *size};
    int err = request_regset(PTRACE_GETREGSET, tid, note, &iov);
    if (err)
        return err;
    *size = iov.iov_len;
    return 0;
}

static int set(pid_t tid, int note, void *bytes, size_t size)
{
    struct iovec iov = {bytes, size};
    return request_regset(PTRACE_SETREGSET, tid, note, &iov);
}

/* Reads the header of a set of scalable registers. False: this CPU, or this kernel, has no such
 * set. */
static bool read_header(pid_t tid, int note, struct user_sve_header *header)
{
    size_t size = sizeof *header;
    return get(tid, note, header, &size) == 0 && size == sizeof *header;
}

/* Tells whether the set holds more than the 128-bit registers: their upper bits, or streaming
 * mode. */
static bool is_scalable(const struct user_sve_header *header)
{
    return (header->flags & SVE_PT_REGS_MASK) == SVE_PT_REGS_SVE;
}

size_t arch_extended_notes(pid_t tid, bool syscall, int notes[ARCH_EXTENDED_MAX])
{
    struct user_sve_header sve, streaming, za;
    bool has_sve = read_header(tid, NT_ARM_SVE, &sve);
    bool in_streaming = read_header(tid, NT_ARM_SSVE, &streaming) && is_scalable(&streaming);
    size_t count = 0;
    uint64_t fpmr;
    size_t fpmr_size = sizeof fpmr;
    if (syscall && !in_streaming && !(has_sve && is_scalable(&sve)))
        return 0;
    /* Writing one of these may leave or enter streaming mode, which clears FPMR: so FPMR comes
     * last. */
    notes[count++] = in_streaming ? NT_ARM_SSVE : has_sve ? NT_ARM_SVE : NT_PRFPREG;
    if (!syscall && read_header(tid, NT_ARM_ZA, &za)) {
        notes[count++] = NT_ARM_ZA;
        if (za.size > sizeof za)
            notes[count++] = NT_ARM_ZT;
    }
    if (!syscall)
        notes[count++] = NT_ARM_TLS;
    if (get(tid, NT_ARM_FPMR, &fpmr, &fpmr_size) == 0)
        notes[count++] = NT_ARM_FPMR;
    return count;
}

int arch_regs_get(pid_t tid, struct arch_regs *regs)
{
    size_t size = sizeof regs->user, number = sizeof regs->syscall;
    int err = get(tid, NT_PRSTATUS, &regs->user, &size);
    if (!err && size != sizeof regs->user)
        err = -ENOEXEC;
    return err ? err : get(tid, NT_ARM_SYSTEM_CALL, &regs->syscall, &number);
}

int arch_regs_set(pid_t tid, const struct arch_regs *regs)
{
    struct arch_regs copy = *regs;
    int err = set(tid, NT_PRSTATUS, &copy.user, sizeof copy.user);
    return err ? err : set(tid, NT_ARM_SYSTEM_CALL, &copy.syscall, sizeof copy.syscall);
}

bool arch_restart_argument(pid_t tid, const struct arch_regs *regs, uint64_t *argument)
{
    enum { ERESTARTSYS = 512, ERESTART_RESTARTBLOCK = 516 }; /* only tracers see these */
    int64_t result = (int64_t)regs->user.regs[0];
    char path[64], *text;
    size_t size;
    if (regs->syscall < 0 || result > -ERESTARTSYS || result < -ERESTART_RESTARTBLOCK)
        return false;
    snprintf(path, sizeof path, "/proc/%d/syscall", (int)tid);
    if (file_read(path, &text, &size))
        return false;
    const char *first = strchr(text, ' '); /* "number argument argument …" */
    bool told = first != NULL;
    if (told)
        *argument = strtoull(first, NULL, 16);
    free(text);
    return told;
}
