/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/pending.h"

#include "ptrace/breakpoint.h"
#include "ptrace/collect.h"

#include <errno.h>
#include <string.h>

int pending_add(struct inferior *inferior, const struct event *event)
{
    struct list *list = &inferior->pending_list;
    struct event *all = inferior_grow(inferior->pending, list, sizeof *all);
    if (!all)
        return -ENOMEM;
    inferior->pending = all;
    all[list->count++] = *event;
    struct tracee *thread = inferior_find(inferior, event->tid);
    if (thread)
        thread->waits = true;
    return 0;
}

bool pending_has(const struct inferior *inferior) { return inferior->pending_list.count > 0; }

static bool is_end(const struct event *event)
{
    return event->reason == EVENT_EXITED || event->reason == EVENT_EXITED_SIGNALLED ||
           event->reason == EVENT_THREAD_EXITED;
}

/* Tells whether what has stopped a thread is still there. */
static bool is_there(const struct inferior *inferior, const struct event *event)
{
    if (event->reason == EVENT_BREAKPOINT)
        return breakpoint_stops(inferior, event->address, event->tid);
    if (event->reason == EVENT_WATCHPOINT)
        return watchpoint_find(inferior, event->touch.id) != NULL;
    return true;
}

static void take_first(struct inferior *inferior, struct event *event)
{
    struct event *all = inferior->pending;
    *event = all[0];
    memmove(all, all + 1, --inferior->pending_list.count * sizeof *all);
    struct tracee *thread = inferior_find(inferior, event->tid);
    if (!thread)
        return;
    thread->waits = false;
    for (size_t i = 0; i < inferior->pending_list.count; i++)
        thread->waits |= all[i].tid == event->tid;
}

bool pending_take(struct inferior *inferior, struct event *event, pid_t *freed)
{
    *freed = 0;
    while (inferior->pending_list.count) {
        take_first(inferior, event);
        const struct tracee *thread = inferior_find(inferior, event->tid);
        if (is_end(event) || event->reason == EVENT_FORK)
            return true;
        if (!thread || thread->state == TRACEE_RUNNING)
            continue;
        if (is_there(inferior, event))
            return true;
        *freed = event->tid;
        return false;
    }
    return false;
}

void pending_drop(struct inferior *inferior, bool ends)
{
    struct event *all = inferior->pending;
    size_t kept = 0;
    for (size_t i = 0; i < inferior->pending_list.count; i++) {
        struct event event = all[i];
        struct tracee *thread = inferior_find(inferior, event.tid);
        if (event.reason == EVENT_FORK && thread)
            collect_let_go((pid_t)event.value);
        if (!ends && is_end(&event))
            all[kept++] = event;
        else if (thread)
            thread->waits = false;
    }
    inferior->pending_list.count = kept;
}

void pending_drop_forks(struct inferior *inferior)
{
    struct event *all = inferior->pending;
    size_t kept = 0;
    for (size_t i = 0; i < inferior->pending_list.count; i++) {
        struct event event = all[i];
        struct tracee *thread = inferior_find(inferior, event.tid);
        if (event.reason == EVENT_FORK)
            collect_let_go((pid_t)event.value);
        else
            all[kept++] = event;
        if (thread)
            thread->waits = false;
    }
    inferior->pending_list.count = kept;
    for (size_t i = 0; i < kept; i++) {
        struct tracee *thread = inferior_find(inferior, all[i].tid);
        if (thread)
            thread->waits = true;
    }
}
