/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/breakpoint.h"

#include "proc/process.h"
#include "ptrace/debug.h"
#include "ptrace/hold.h"
#include "ptrace/memory.h"
#include "ptrace/traps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INSN sizeof arch_trap_insn

/* ---- traps in memory ---- */

/* Writes a trap into memory, whatever stands there now is its original. */
static int plant(struct inferior *inferior, struct trap *trap)
{
    int err = memory_peek(inferior, trap->address, trap->original, INSN);
    if (!err)
        err = memory_poke(inferior, trap->address, arch_trap_insn, INSN);
    trap->planted = !err;
    trap->known |= !err;
    return err;
}

/* Tells whether a trap still stands in memory: the program may have written something else there,
 * or have mapped something else. */
static bool stands(struct inferior *inferior, const struct trap *trap)
{
    uint8_t now[INSN];
    return memory_peek(inferior, trap->address, now, INSN) == 0 &&
           memcmp(now, arch_trap_insn, INSN) == 0;
}

static int uproot(struct inferior *inferior, struct trap *trap)
{
    int err = 0;
    if (trap->planted && stands(inferior, trap))
        err = memory_poke(inferior, trap->address, trap->original, INSN);
    if (!err)
        trap->planted = false;
    return err;
}

bool breakpoint_lift(struct inferior *inferior, uint64_t address)
{
    const struct trap *trap = traps_find(inferior, address);
    return trap && trap->planted && stands(inferior, trap) &&
           memory_poke(inferior, address, trap->original, INSN) == 0;
}

void breakpoint_lower(struct inferior *inferior, uint64_t address)
{
    if (traps_find(inferior, address))
        memory_poke(inferior, address, arch_trap_insn, INSN);
}

/* Plants all traps that breakpoints need, unless they are to be out of memory. */
static int plant_all(struct inferior *inferior)
{
    int result = 0;
    for (size_t i = 0; i < inferior->trap_list.count && !inferior->lifts; i++) {
        struct trap *trap = &inferior->traps[i];
        int err = trap->references && !trap->planted ? plant(inferior, trap) : 0;
        result = err ? err : result;
    }
    return result;
}

void breakpoint_lift_all(struct inferior *inferior)
{
    inferior->lifts++;
    for (size_t i = 0; i < inferior->trap_list.count; i++)
        uproot(inferior, &inferior->traps[i]);
}

void breakpoint_lower_all(struct inferior *inferior)
{
    if (inferior->lifts && --inferior->lifts == 0)
        plant_all(inferior);
}

void breakpoint_clean(const struct inferior *inferior, pid_t child)
{
    if (inferior->trap_list.count == 0)
        return;
    int mem = process_open(child, "mem", O_RDWR);
    for (size_t i = 0; i < inferior->trap_list.count && mem >= 0; i++) {
        const struct trap *trap = &inferior->traps[i];
        uint8_t now[INSN];
        if (trap->known && pread(mem, now, INSN, (off_t)trap->address) == (ssize_t)INSN &&
            memcmp(now, arch_trap_insn, INSN) == 0 &&
            pwrite(mem, trap->original, INSN, (off_t)trap->address) < 0)
            break;
    }
    if (mem >= 0)
        close(mem);
}

/* Forgets traps that nobody needs, once no thread can have executed one without being told of. */
static void tidy(struct inferior *inferior)
{
    for (size_t i = 0; i < inferior->thread_count; i++)
        if (inferior->threads[i].state == TRACEE_RUNNING)
            return;
    traps_drop_unused(inferior);
}

/* ---- what breakpoints stand on ---- */

/* Has forks seen, so that no child runs into a trap. Threads that run are held for it. */
static int see_forks(struct inferior *inferior)
{
    int err = hold_threads(inferior);
    if (err)
        return err;
    err = inferior_see_forks(inferior);
    int released = hold_release(inferior);
    return err ? err : released;
}

static void note_layout(struct inferior *inferior)
{
    struct process_layout layout;
    bool first = inferior->trap_list.count == 0;
    if (first && process_layout(inferior->pid, &layout) == 0)
        inferior->stack_start = layout.start_stack;
}

static int take_trap(struct inferior *inferior, uint64_t address)
{
    note_layout(inferior);
    int err = see_forks(inferior);
    struct trap *trap = err ? NULL : traps_find(inferior, address);
    if (!err && !trap) {
        trap = traps_add(inferior, address);
        err = trap ? 0 : -ENOMEM;
    }
    if (!err && !trap->planted && !inferior->lifts)
        err = plant(inferior, trap);
    if (!err)
        trap->references++;
    tidy(inferior);
    return err;
}

static int give_trap_back(struct inferior *inferior, uint64_t address)
{
    struct trap *trap = traps_find(inferior, address);
    if (!trap || --trap->references)
        return 0;
    int err = uproot(inferior, trap);
    tidy(inferior);
    return err;
}

static int take_register(struct inferior *inferior, struct breakpoint *b)
{
    int err = hold_threads(inferior);
    if (err)
        return err;
    err = debug_take(inferior, ARCH_DEBUG_EXECUTE, b->address, 1, &b->slot);
    int released = hold_release(inferior);
    if (!err && released)
        debug_give_back(inferior, b->slot);
    return err ? err : released;
}

static int take(struct inferior *inferior, struct breakpoint *b)
{
    return b->hardware ? take_register(inferior, b) : take_trap(inferior, b->address);
}

static int give_back(struct inferior *inferior, const struct breakpoint *b)
{
    return b->hardware ? debug_give_back(inferior, b->slot) : give_trap_back(inferior, b->address);
}

/* ---- breakpoints ---- */

/* A thread that stands where a breakpoint is set has arrived there before. */
static void let_selected_pass(struct inferior *inferior, uint64_t address)
{
    struct arch_regs regs;
    struct tracee *thread = inferior_thread(inferior, 0);
    if (!thread || arch_regs_get(thread->tid, &regs) || arch_pc(&regs) != address)
        return;
    thread->passes = true;
    thread->passing = address;
}

static int take_as(struct inferior *inferior, struct breakpoint *b, enum breakpoint_kind kind)
{
    int err = -ENOSPC;
    b->hardware = true;
    if (kind != BREAKPOINT_SOFTWARE)
        err = take(inferior, b);
    if (!err || kind == BREAKPOINT_HARDWARE)
        return err;
    b->hardware = false;
    return take(inferior, b);
}

int breakpoint_insert(struct inferior *inferior, uint64_t address, enum breakpoint_kind kind,
                      uint64_t *id)
{
    struct list *list = &inferior->breakpoint_list;
    struct breakpoint *all = inferior_grow(inferior->breakpoints, list, sizeof *all);
    if (!all)
        return -ENOMEM;
    inferior->breakpoints = all;
    struct breakpoint b = {.address = arch_address(address), .enabled = true};
    int err = inferior->thread_count ? take_as(inferior, &b, kind) : -ESRCH;
    if (err)
        return err;
    *id = b.id = ++inferior->last_point;
    all[list->count++] = b;
    let_selected_pass(inferior, b.address);
    return 0;
}

struct breakpoint *breakpoint_find(const struct inferior *inferior, uint64_t id)
{
    for (size_t i = inferior->breakpoint_list.count; i-- > 0;)
        if (inferior->breakpoints[i].id == id)
            return &inferior->breakpoints[i];
    return NULL;
}

int breakpoint_remove(struct inferior *inferior, uint64_t id)
{
    struct breakpoint *b = breakpoint_find(inferior, id);
    if (!b)
        return 0;
    int err = b->enabled ? give_back(inferior, b) : 0;
    size_t i = (size_t)(b - inferior->breakpoints);
    size_t rest = --inferior->breakpoint_list.count - i;
    memmove(b, b + 1, rest * sizeof *b);
    return err;
}

int breakpoint_remove_all(struct inferior *inferior)
{
    int result = 0;
    while (inferior->breakpoint_list.count)
        breakpoint_remove(inferior,
                          inferior->breakpoints[inferior->breakpoint_list.count - 1].id);
    for (size_t i = 0; i < inferior->trap_list.count; i++) { /* what has failed is tried again */
        int err = uproot(inferior, &inferior->traps[i]);
        result = err ? err : result;
    }
    return result;
}

int breakpoint_enable(struct inferior *inferior, uint64_t id, bool on)
{
    struct breakpoint *b = breakpoint_find(inferior, id);
    if (!b)
        return -ENOENT;
    if (b->enabled == on)
        return 0;
    int err = on ? take(inferior, b) : give_back(inferior, b);
    if (!err)
        b->enabled = on;
    return err;
}

void breakpoint_forget(struct inferior *inferior)
{
    inferior->breakpoint_list.count = inferior->trap_list.count = 0;
    inferior->lifts = 0;
}

bool breakpoint_stops(const struct inferior *inferior, uint64_t address, pid_t tid)
{
    for (size_t i = 0; i < inferior->breakpoint_list.count; i++) {
        const struct breakpoint *b = &inferior->breakpoints[i];
        if (b->address == address && b->enabled && (b->thread == 0 || b->thread == tid))
            return true;
    }
    return false;
}

/* Copies a list; NULL also where it is empty. */
static void *copy(const void *items, size_t count, size_t size, struct list *list)
{
    void *items_of_its_own = count ? malloc(count * size) : NULL;
    if (items_of_its_own)
        memcpy(items_of_its_own, items, count * size);
    list->count = list->capacity = items_of_its_own ? count : 0;
    return items_of_its_own;
}

int breakpoint_inherit(const struct inferior *parent, struct inferior *child)
{
    size_t breakpoints = parent->breakpoint_list.count, traps = parent->trap_list.count;
    child->breakpoints = copy(parent->breakpoints, breakpoints, sizeof *parent->breakpoints,
                              &child->breakpoint_list);
    child->traps = copy(parent->traps, traps, sizeof *parent->traps, &child->trap_list);
    child->last_point = parent->last_point;
    if (child->breakpoint_list.count != breakpoints || child->trap_list.count != traps)
        return -ENOMEM;
    for (unsigned i = 0; i < ARCH_DEBUG_SLOTS; i++)
        if (parent->debug[i].kind == ARCH_DEBUG_EXECUTE)
            child->debug[i] = parent->debug[i];
    child->debug_version = parent->debug_version;
    for (size_t i = 0; i < traps; i++)
        child->traps[i].planted = false;
    tidy(child);
    int err = plant_all(child);
    return err ? err : debug_arm(child, &child->threads[0]);
}
