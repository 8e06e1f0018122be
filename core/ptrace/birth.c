/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/birth.h"

#include "ptrace/breakpoint.h"
#include "ptrace/collect.h"

static void share(struct inferior *parent, struct tracee *thread)
{
    if (thread->lifted || !parent->trap_list.count)
        return;
    breakpoint_lift_all(parent);
    thread->lifted = true;
}

void birth_let_go(struct inferior *parent, struct tracee *thread, pid_t pid, bool shares)
{
    if (shares)
        share(parent, thread);
    else
        breakpoint_clean(parent, pid);
    collect_let_go(pid);
}

void birth_done(struct inferior *parent, struct tracee *thread)
{
    thread->vfork_child = 0;
    if (thread->lifted)
        breakpoint_lower_all(parent);
    thread->lifted = false;
}

int birth_adopt(const struct inferior *parent, struct inferior *child)
{
    for (size_t i = 0; i < parent->thread_count; i++)
        if (parent->threads[i].vfork_child == child->pid)
            child->lender = parent->pid;
    child->follows = parent->follows;
    child->is_filtered = parent->is_filtered;
    return breakpoint_inherit(parent, child);
}

void birth_leave(struct inferior *child)
{
    struct inferior *parent = child->lender ? inferior_of_process(child->lender) : NULL;
    child->lender = 0;
    for (size_t i = 0; parent && i < parent->thread_count; i++)
        if (parent->threads[i].vfork_child == child->pid)
            share(parent, &parent->threads[i]);
}
