/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/watchpoint.h"

#include "ptrace/debug.h"
#include "ptrace/hold.h"
#include "ptrace/memory.h"
#include "ptrace/step.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#define NEAR 64 /* bytes that one instruction touches at most, before the place that is watched */

static void give_slots_back(struct inferior *inferior, struct watchpoint *w)
{
    while (w->slot_count)
        debug_give_back(inferior, w->slots[--w->slot_count]);
}

/* Takes the debug registers of a watchpoint; all threads are held. */
static int take_slots(struct inferior *inferior, struct watchpoint *w)
{
    enum arch_debug_kind kind = w->kind;
    int err = 0;
    if (kind == ARCH_DEBUG_READ && !ARCH_WATCHES_READS)
        kind = ARCH_DEBUG_ACCESS;
    for (unsigned done = 0; done < w->size && !err;) {
        unsigned piece = arch_watch_piece(w->address + done, w->size - done);
        err = debug_take(inferior, kind, w->address + done, piece, &w->slots[w->slot_count]);
        if (!err)
            w->slot_count++;
        done += piece;
    }
    if (err)
        give_slots_back(inferior, w);
    return err;
}

static int take(struct inferior *inferior, struct watchpoint *w)
{
    int err = hold_threads(inferior);
    if (err)
        return err;
    err = memory_read(inferior, w->address, w->value, w->size);
    if (!err)
        err = take_slots(inferior, w);
    int released = hold_release(inferior);
    if (!err && released)
        give_slots_back(inferior, w);
    return err ? err : released;
}

int watchpoint_insert(struct inferior *inferior, uint64_t address, unsigned size,
                      enum arch_debug_kind kind, uint64_t *id)
{
    struct list *list = &inferior->watchpoint_list;
    if (size == 0 || size > WATCH_MAX)
        return -EINVAL;
    struct watchpoint *all = inferior_grow(inferior->watchpoints, list, sizeof *all);
    if (!all)
        return -ENOMEM;
    inferior->watchpoints = all;
    struct watchpoint w = {
        .address = arch_address(address), .size = size, .kind = kind, .enabled = true};
    int err = inferior->thread_count ? take(inferior, &w) : -ESRCH;
    if (err)
        return err;
    *id = w.id = ++inferior->last_point;
    all[list->count++] = w;
    return 0;
}

struct watchpoint *watchpoint_find(const struct inferior *inferior, uint64_t id)
{
    for (size_t i = 0; i < inferior->watchpoint_list.count; i++)
        if (inferior->watchpoints[i].id == id)
            return &inferior->watchpoints[i];
    return NULL;
}

int watchpoint_remove(struct inferior *inferior, uint64_t id)
{
    struct watchpoint *w = watchpoint_find(inferior, id);
    if (!w)
        return 0;
    give_slots_back(inferior, w);
    size_t i = (size_t)(w - inferior->watchpoints);
    memmove(w, w + 1, (--inferior->watchpoint_list.count - i) * sizeof *w);
    return 0;
}

int watchpoint_enable(struct inferior *inferior, uint64_t id, bool on)
{
    struct watchpoint *w = watchpoint_find(inferior, id);
    if (!w)
        return -ENOENT;
    int err = on && !w->enabled ? take(inferior, w) : 0;
    if (!on)
        give_slots_back(inferior, w);
    if (!err)
        w->enabled = on;
    return err;
}

void watchpoint_remove_all(struct inferior *inferior)
{
    while (inferior->watchpoint_list.count)
        watchpoint_remove(inferior, inferior->watchpoints[0].id);
}

void watchpoint_forget(struct inferior *inferior) { inferior->watchpoint_list.count = 0; }

/* ---- what was touched ---- */

static bool has_slot(const struct watchpoint *w, uint32_t slots)
{
    for (unsigned i = 0; i < w->slot_count; i++)
        if (slots >> w->slots[i] & 1)
            return true;
    return false;
}

/* How far the data that was touched begins before what is watched. */
static uint64_t distance(const struct watchpoint *w, uint64_t address)
{
    return address - w->address < w->size ? 0 : w->address - address;
}

static struct watchpoint *find_touched(const struct inferior *inferior,
                                       const struct arch_trap *trap)
{
    struct watchpoint *nearest = NULL;
    for (size_t i = 0; i < inferior->watchpoint_list.count; i++) {
        struct watchpoint *w = &inferior->watchpoints[i];
        if (!w->enabled)
            continue;
        if (trap->slots ? has_slot(w, trap->slots)
                        : trap->address && distance(w, trap->address) < NEAR &&
                              (!nearest ||
                               distance(w, trap->address) < distance(nearest, trap->address)))
            nearest = w;
    }
    return nearest;
}

int watchpoint_step(struct inferior *inferior, struct tracee *thread, int *status)
{
    for (unsigned i = 0; i < ARCH_DEBUG_SLOTS; i++)
        if (inferior->debug[i].version)
            arch_debug_clear(thread->tid, i);
    thread->debug_version = 0;
    int err = step_one(inferior, thread, status);
    return err ? err : debug_arm(inferior, thread);
}

/* Executes the instruction, where that is yet to come. */
static int finish(struct inferior *inferior, struct tracee *thread, const struct watchpoint *w)
{
    int status;
    if (!ARCH_WATCH_STOPS_BEFORE || w->before || thread->touched) {
        thread->touched = 0;
        return 0;
    }
    int err = watchpoint_step(inferior, thread, &status);
    if (!err && status >> 8 != SIGTRAP) { /* a fault: the instruction is yet to be executed */
        tracee_keep_status(thread, status);
        err = -EAGAIN;
    }
    return err;
}

int watchpoint_take(struct inferior *inferior, struct tracee *thread,
                    const struct arch_trap *trap, struct touch *touch)
{
    struct watchpoint *w = find_touched(inferior, trap);
    if (!w)
        return 0;
    int err = finish(inferior, thread, w);
    if (err)
        return err == -EAGAIN ? 0 : err;
    *touch = (struct touch){.id = w->id, .address = w->address, .kind = w->kind, .size = w->size};
    memcpy(touch->before, w->value, w->size);
    err = memory_read(inferior, w->address, touch->now, w->size);
    if (err)
        return err;
    bool changed = memcmp(w->value, touch->now, w->size) != 0;
    memcpy(w->value, touch->now, w->size);
    if (w->kind == ARCH_DEBUG_READ && changed && !ARCH_WATCHES_READS)
        return 0; /* it was written */
    return w->thread == 0 || w->thread == thread->tid;
}
