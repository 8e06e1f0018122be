/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/debug.h"

#include <errno.h>
#include <string.h>

static bool is_for(const struct debug_slot *slot, enum arch_debug_kind kind, uint64_t address,
                   unsigned size)
{
    return slot->references && slot->kind == kind && slot->address == address &&
           slot->size == size;
}

int debug_arm(const struct inferior *inferior, struct tracee *thread)
{
    int err = 0;
    if (thread->debug_version == inferior->debug_version)
        return 0;
    for (unsigned i = 0; i < ARCH_DEBUG_SLOTS && !err; i++) {
        const struct debug_slot *slot = &inferior->debug[i];
        if (slot->version <= thread->debug_version)
            continue;
        err = slot->references
                  ? arch_debug_set(thread->tid, i, slot->kind, slot->address, slot->size)
                  : arch_debug_clear(thread->tid, i);
    }
    if (!err)
        thread->debug_version = inferior->debug_version;
    return err;
}

/* Gives all stopped threads what they are to have. */
static int arm_stopped(struct inferior *inferior)
{
    int result = 0;
    for (size_t i = 0; i < inferior->thread_count; i++) {
        struct tracee *thread = &inferior->threads[i];
        int err = thread->state == TRACEE_RUNNING ? 0 : debug_arm(inferior, thread);
        if (err && err != -ESRCH) /* -ESRCH: it was killed, as wait will tell */
            result = err;
    }
    return result;
}

static void change(struct inferior *inferior, struct debug_slot *slot)
{
    slot->version = ++inferior->debug_version;
}

/* Puts a range into one free slot. */
static int take_slot(struct inferior *inferior, unsigned i, const struct debug_slot *wanted)
{
    struct debug_slot *slot = &inferior->debug[i];
    *slot = *wanted;
    change(inferior, slot);
    int err = arm_stopped(inferior);
    if (!err)
        return 0;
    slot->references = 0;
    change(inferior, slot);
    arm_stopped(inferior);
    return err;
}

int debug_take(struct inferior *inferior, enum arch_debug_kind kind, uint64_t address,
               unsigned size, unsigned *slot)
{
    const struct debug_slot wanted = {1, kind, size, address, 0};
    unsigned first, count;
    int err = -ENOSPC;
    arch_debug_slots(kind, &first, &count);
    for (unsigned i = first; i < first + count; i++)
        if (is_for(&inferior->debug[i], kind, address, size)) {
            inferior->debug[i].references++;
            *slot = i;
            return 0;
        }
    for (unsigned i = first; i < first + count && err == -ENOSPC; i++) {
        if (inferior->debug[i].references)
            continue;
        err = take_slot(inferior, i, &wanted);
        *slot = i;
        if (err == -ENOSPC) /* the CPU has no more */
            break;
    }
    return err;
}

int debug_give_back(struct inferior *inferior, unsigned slot)
{
    if (--inferior->debug[slot].references)
        return 0;
    change(inferior, &inferior->debug[slot]);
    return arm_stopped(inferior);
}

void debug_give_all_back(struct inferior *inferior)
{
    for (unsigned i = 0; i < ARCH_DEBUG_SLOTS; i++)
        if (inferior->debug[i].references) {
            inferior->debug[i].references = 0;
            change(inferior, &inferior->debug[i]);
        }
    arm_stopped(inferior);
}

void debug_forget(struct inferior *inferior)
{
    memset(inferior->debug, 0, sizeof inferior->debug);
    inferior->debug_version = 0;
    for (size_t i = 0; i < inferior->thread_count; i++)
        inferior->threads[i].debug_version = 0;
}

void debug_doubt(struct inferior *inferior, struct tracee *thread)
{
    if (inferior->debug_version == 0)
        inferior->debug_version = 1;
    thread->debug_version = 1; /* less than those of all slots that change now */
    for (unsigned i = 0; i < ARCH_DEBUG_SLOTS; i++)
        if (!inferior->debug[i].references)
            change(inferior, &inferior->debug[i]);
}

bool debug_is_armed(const struct inferior *inferior, const struct tracee *thread)
{
    if (thread->debug_version == 0)
        return false;
    if (thread->debug_version != inferior->debug_version)
        return true;
    for (unsigned i = 0; i < ARCH_DEBUG_SLOTS; i++)
        if (inferior->debug[i].references)
            return true;
    return false;
}

int debug_find(const struct inferior *inferior, uint64_t address)
{
    unsigned first, count;
    if (inferior->debug_version == 0)
        return -1;
    arch_debug_slots(ARCH_DEBUG_EXECUTE, &first, &count);
    for (unsigned i = first; i < first + count; i++)
        if (inferior->debug[i].references && inferior->debug[i].kind == ARCH_DEBUG_EXECUTE &&
            inferior->debug[i].address == address)
            return (int)i;
    return -1;
}

bool debug_watches(const struct inferior *inferior)
{
    for (unsigned i = 0; i < ARCH_DEBUG_SLOTS; i++)
        if (inferior->debug[i].references && inferior->debug[i].kind != ARCH_DEBUG_EXECUTE)
            return true;
    return false;
}
