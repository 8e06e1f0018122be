/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/birth.h"

#include "ptrace/breakpoint.h"
#include "ptrace/collect.h"
#include "ptrace/debug.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Tells whether nothing is left of a task: it was born, has ended, and was collected. */
static bool is_gone(pid_t tid) { return syscall(SYS_tkill, tid, 0) < 0 && errno == ESRCH; }

int birth_take_thread(struct inferior *inferior, pid_t tid)
{
    int status;
    if (is_gone(tid) || inferior_find(inferior, tid))
        return 0;
    struct tracee *thread = inferior_add(inferior, tid);
    if (!thread)
        return -ENOMEM;
    thread->fresh = true;
    thread->how = inferior->how;
    if (collect_take_newborn(tid, &status))
        tracee_keep_status(thread, status);
    return 0;
}

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
    int err = breakpoint_inherit(parent, child);
    if (err)
        debug_give_all_back(child);
    return err;
}

void birth_give_up(const struct inferior *parent, pid_t pid)
{
    struct inferior *lender = inferior_of_process(parent->pid);
    for (size_t i = 0; lender && i < lender->thread_count; i++)
        if (lender->threads[i].vfork_child == pid) {
            share(lender, &lender->threads[i]);
            return;
        }
    breakpoint_clean(parent, pid);
}

void birth_leave(struct inferior *child)
{
    struct inferior *parent = child->lender ? inferior_of_process(child->lender) : NULL;
    child->lender = 0;
    for (size_t i = 0; parent && i < parent->thread_count; i++)
        if (parent->threads[i].vfork_child == child->pid)
            share(parent, &parent->threads[i]);
}
