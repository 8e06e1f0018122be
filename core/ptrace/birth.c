/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/birth.h"

#include "proc/process.h"
#include "ptrace/breakpoint.h"
#include "ptrace/collect.h"
#include "ptrace/debug.h"
#include "ptrace/newborn.h"

#include <errno.h>
#include <stdlib.h>
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
    thread->options = 0; /* it has its maker's of then, whatever they were: set when it goes on */
    thread->how = inferior->how;
    if (newborn_take(tid, &status))
        tracee_keep_status(thread, status);
    return 0;
}

void birth_see(struct inferior *parent, struct tracee *thread, pid_t pid, bool shares)
{
    if (!shares) {
        breakpoint_clean(parent, pid);
        return;
    }
    thread->vfork_child = pid;
    if (!thread->lifted)
        breakpoint_lift_all(parent);
    thread->lifted = true;
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
            child->lifts = 1; /* until it execs, which ends all breakpoints */
    child->follows = parent->follows;
    child->tells_vfork_done = parent->tells_vfork_done;
    child->is_filtered = parent->is_filtered;
    int err = breakpoint_inherit(parent, child);
    if (err)
        debug_give_all_back(child);
    return err;
}

void birth_leave_untold(const struct inferior *inferior)
{
    pid_t *list;
    size_t count;
    if (newborn_untold(inferior->pid, &list, &count))
        return;
    for (size_t i = 0; i < count; i++) {
        breakpoint_clean(inferior, list[i]);
        newborn_leave(list[i], 0);
    }
    free(list);
}

/* Tells whether a traced process that is in no table has the memory that an inferior had: its
 * stack begins at the same address. */
static bool is_kin(const struct inferior *inferior, pid_t pid)
{
    struct process_layout layout;
    return !inferior_of_process(pid) && process_layout(pid, &layout) == 0 &&
           layout.start_stack == inferior->stack_start;
}

void birth_leave_orphans(const struct inferior *inferior, bool killed)
{
    pid_t *list;
    size_t count;
    bool untold = killed || inferior->lost_threads;
    if (!untold || inferior->trap_list.count == 0 || inferior->stack_start == 0 ||
        process_traced_by(getpid(), &list, &count))
        return;
    for (size_t i = 0; i < count; i++) {
        if (!is_kin(inferior, list[i]))
            continue;
        breakpoint_clean(inferior, list[i]);
        if (!inferior->follows)
            collect_let_go(list[i]);
    }
    free(list);
}
