/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bpf.h"

#include <errno.h>
#include <string.h>

struct machine {
    uint32_t a, x, memory[BPF_MEMWORDS];
    const struct seccomp_data *call;
};

/* Gives what an instruction loads, for A or X. 0 or -EINVAL. */
static int load(const struct machine *machine, const struct sock_filter *insn, uint32_t *value)
{
    switch (BPF_MODE(insn->code)) {
    case BPF_IMM:
        *value = insn->k;
        return 0;
    case BPF_LEN:
        *value = sizeof *machine->call;
        return 0;
    case BPF_MEM:
        if (insn->k >= BPF_MEMWORDS)
            return -EINVAL;
        *value = machine->memory[insn->k];
        return 0;
    case BPF_ABS:
        if (insn->k % 4 != 0 || insn->k >= sizeof *machine->call)
            return -EINVAL;
        memcpy(value, (const char *)machine->call + insn->k, sizeof *value);
        return 0;
    default:
        return -EINVAL;
    }
}

/* Computes with A. A division by zero ends the program with 0, as the kernel has it. */
static int compute(struct machine *machine, const struct sock_filter *insn)
{
    uint32_t operand = BPF_SRC(insn->code) == BPF_X ? machine->x : insn->k, *a = &machine->a;
    switch (BPF_OP(insn->code)) {
    case BPF_ADD: *a += operand; return 0;
    case BPF_SUB: *a -= operand; return 0;
    case BPF_MUL: *a *= operand; return 0;
    case BPF_AND: *a &= operand; return 0;
    case BPF_OR: *a |= operand; return 0;
    case BPF_XOR: *a ^= operand; return 0;
    case BPF_NEG: *a = 0U - *a; return 0;
    case BPF_LSH: *a <<= operand & 31; return 0;
    case BPF_RSH: *a >>= operand & 31; return 0;
    case BPF_DIV:
        if (operand == 0)
            return -EDOM;
        *a /= operand;
        return 0;
    default:
        return -EINVAL;
    }
}

/* Gives how many instructions a jump leaves out, or -EINVAL. */
static int64_t distance(const struct machine *machine, const struct sock_filter *insn)
{
    uint32_t operand = BPF_SRC(insn->code) == BPF_X ? machine->x : insn->k, a = machine->a;
    switch (BPF_OP(insn->code)) {
    case BPF_JA: return insn->k;
    case BPF_JEQ: return a == operand ? insn->jt : insn->jf;
    case BPF_JGT: return a > operand ? insn->jt : insn->jf;
    case BPF_JGE: return a >= operand ? insn->jt : insn->jf;
    case BPF_JSET: return (a & operand) != 0 ? insn->jt : insn->jf;
    default: return -EINVAL;
    }
}

static int store(struct machine *machine, const struct sock_filter *insn, uint32_t value)
{
    if (insn->k >= BPF_MEMWORDS)
        return -EINVAL;
    machine->memory[insn->k] = value;
    return 0;
}

static void move(struct machine *machine, const struct sock_filter *insn)
{
    if (BPF_MISCOP(insn->code) == BPF_TAX)
        machine->x = machine->a;
    else
        machine->a = machine->x;
}

/* Carries out an instruction that neither jumps nor returns. 0, -EDOM or -EINVAL. */
static int step(struct machine *machine, const struct sock_filter *insn)
{
    switch (BPF_CLASS(insn->code)) {
    case BPF_LD: return load(machine, insn, &machine->a);
    case BPF_LDX: return load(machine, insn, &machine->x);
    case BPF_ST: return store(machine, insn, machine->a);
    case BPF_STX: return store(machine, insn, machine->x);
    case BPF_ALU: return compute(machine, insn);
    case BPF_MISC: move(machine, insn); return 0;
    default: return -EINVAL;
    }
}

int bpf_run(const struct sock_filter *program, size_t count, const struct seccomp_data *call,
            uint32_t *result)
{
    struct machine machine = {.call = call};
    for (size_t pc = 0; pc < count; pc++) { /* jumps go forward alone, so this ends */
        const struct sock_filter *insn = &program[pc];
        if (BPF_CLASS(insn->code) == BPF_RET) {
            *result = BPF_RVAL(insn->code) == BPF_A ? machine.a : insn->k;
            return 0;
        }
        if (BPF_CLASS(insn->code) == BPF_JMP) {
            int64_t over = distance(&machine, insn);
            if (over < 0 || (uint64_t)over >= count - pc)
                return -EINVAL;
            pc += (size_t)over;
            continue;
        }
        int err = step(&machine, insn);
        if (err == -EDOM) {
            *result = 0;
            return 0;
        }
        if (err)
            return err;
    }
    return -EINVAL;
}
