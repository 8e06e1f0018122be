/* SPDX-License-Identifier: Apache-2.0 */
#include "ptrace/remote.h"

#include "base/clock.h"
#include "base/ticker.h"
#include "proc/maps.h"
#include "ptrace/call.h"
#include "ptrace/collect.h"
#include "ptrace/memory.h"
#include "ptrace/pending.h"

#include <asm/unistd.h>
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#define MORE_MS 1000 /* that a call is given to come back once it is interrupted */
#define TICK_MS 50
#define BELOW   1024 /* bytes: more than a leaf function may use below its stack pointer */

static const struct {
    char name[28]; /* and no pointer, which would have to be relocated at each start */
    int number;
} syscalls[] = {
/* Lines {"read", 0}, in order of the names; the Makefile makes them from <asm/unistd.h>. */
#include "syscalls.inc"
};

long remote_syscall_number(const char *name)
{
    size_t low = 0, high = sizeof syscalls / sizeof syscalls[0];
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(name, syscalls[middle].name);
        if (order == 0)
            return syscalls[middle].number;
        *(order < 0 ? &high : &low) = order < 0 ? middle : middle + 1;
    }
    return -1;
}

const char *remote_syscall_name(int64_t number)
{
    for (size_t i = 0; i < sizeof syscalls / sizeof syscalls[0]; i++)
        if (syscalls[i].number == number)
            return syscalls[i].name;
    return NULL;
}

/* Looks for a system call instruction in one mapping. */
static int search(struct inferior *inferior, const struct mapping *m)
{
    uint64_t at = m->start, found = 0;
    int err;
    do {
        err = memory_search(inferior, at, m->stop - at, arch_syscall_insn,
                            sizeof arch_syscall_insn, &found);
        at = found + 1;
    } while (!err && (found % ARCH_INSN_ALIGN != 0 || call_is_barred(inferior, found)));
    if (!err)
        inferior->syscall_insn = found;
    return err;
}

/* Looks for a system call instruction in the executable mappings, and in the vdso before all
 * others. The vsyscall page, above all user addresses, is emulated by the kernel and cannot
 * serve. */
static int find_instruction(struct inferior *inferior)
{
    struct maps maps;
    int err = maps_read(inferior->pid, MAPS_PLAIN, &maps);
    if (err)
        return err;
    err = -ENOENT;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < maps.count && err; i++) {
            const struct mapping *m = &maps.list[i];
            bool vdso = strcmp(m->path, "[vdso]") == 0;
            if (m->perms[0] == 'r' && m->perms[2] == 'x' && vdso == (pass == 0) &&
                strcmp(m->path, "[vsyscall]") != 0)
                err = search(inferior, m);
        }
    }
    maps_free(&maps);
    return err;
}

int remote_instruction(struct inferior *inferior, uint64_t *address)
{
    if (call_is_barred(inferior, inferior->syscall_insn))
        inferior->syscall_insn = 0;
    int err = inferior->syscall_insn ? 0 : find_instruction(inferior);
    *address = inferior->syscall_insn;
    return err;
}

/* Waits until a thread's call is over. A call that takes too long is interrupted, and then given a
 * little more time. The table of threads may move meanwhile. */
static int await(struct inferior *inferior, pid_t tid, int timeout)
{
    int64_t deadline = clock_deadline(timeout);
    for (int over = 0; !over;) {
        struct tracee *thread = inferior_find(inferior, tid);
        int status, err = thread ? collect_wait(thread, deadline, &status) : -ESRCH;
        if (err == -ETIMEDOUT && !call_has_failed(thread)) {
            call_fail(thread, -ETIMEDOUT);
            tracee_interrupt(thread);
            deadline = clock_deadline(MORE_MS);
            continue;
        }
        if (!err && !WIFSTOPPED(status)) {
            tracee_keep_status(thread, status);
            err = -ESRCH;
        }
        over = err ? err : call_take(inferior, thread, status);
        if (over < 0)
            return over;
    }
    return 0;
}

/* Waits until the call of a thread is over, whatever becomes of it. Returns 0 if it is to be
 * finished; or -errno. */
static int see_through(struct inferior *inferior, pid_t tid, int timeout)
{
    struct ticker ticker = {.runs = false};
    if (!collect_owns_signals()) /* else no wait needs a ticker */
        ticker_begin(&ticker, TICK_MS);
    int err = await(inferior, tid, timeout);
    ticker_end(&ticker);
    struct tracee *thread = inferior_find(inferior, tid);
    if (err == -ESRCH && thread)
        call_forget(thread);
    return err;
}

int remote_finish_fork(struct inferior *inferior, struct tracee *thread)
{
    struct event event = {.tid = thread->tid, .reason = EVENT_SYSCALL_RETURN};
    bool entry;
    int status;
    if (!thread->in_fork)
        return 0;
    if (thread->vfork_child)
        return -EBUSY;
    enum tracee_resume how = thread->how;
    int err = collect_run_to_stop(thread, RESUME_SYSCALL, clock_deadline(MORE_MS), &status);
    thread->how = how;
    if (err)
        return err;
    if (WSTOPSIG(status) != TRACEE_SYSCALL_STOP || status >> 16) {
        tracee_keep_status(thread, status);
        return -EBUSY;
    }
    err = tracee_syscall_info(thread, &entry, &event.value, event.arguments);
    return err || how != RESUME_SYSCALL ? err : pending_add(inferior, &event);
}

/* Makes a thread ready for a call: it is in the midst of nothing, and there is an instruction. */
static int make_ready(struct inferior *inferior, struct tracee *thread)
{
    uint64_t insn;
    int err = remote_finish_fork(inferior, thread);
    return err ? err : remote_instruction(inferior, &insn);
}

int remote_syscall(struct inferior *inferior, struct tracee *thread, long number,
                   const uint64_t args[6], int64_t *result)
{
    pid_t tid = thread->tid;
    int err = make_ready(inferior, thread);
    if (!err)
        err = call_start(inferior, thread, number, args);
    if (!err)
        err = see_through(inferior, tid, inferior->call_ms);
    return err ? err : call_finish(inferior_find(inferior, tid), result);
}

int remote_syscall_with(struct inferior *inferior, struct tracee *thread, long number,
                        uint64_t args[6], size_t at, const void *bytes, size_t size,
                        int64_t *result)
{
    struct arch_regs regs;
    char before[REMOTE_BYTES];
    int err = size > sizeof before ? -E2BIG : arch_regs_get(thread->tid, &regs);
    if (err)
        return err;
    args[at] = (arch_sp(&regs) - BELOW - size) & ~(uint64_t)15;
    err = memory_read(inferior, args[at], before, size);
    if (!err)
        err = memory_write(inferior, args[at], bytes, size);
    if (err)
        return err;
    err = remote_syscall(inferior, thread, number, args, result);
    int back = memory_write(inferior, args[at], before, size);
    return err ? err : back;
}

int remote_function(struct inferior *inferior, struct tracee *thread,
                    const struct function *function, int timeout, struct function_end *end)
{
    pid_t tid = thread->tid;
    int err = make_ready(inferior, thread);
    if (!err)
        err = call_start_function(inferior, thread, function);
    if (!err)
        err = see_through(inferior, tid, timeout);
    return err ? err : call_finish_function(inferior_find(inferior, tid), end);
}

int remote_prepare(struct inferior *inferior, struct tracee *thread, long number,
                   const uint64_t args[6])
{
    struct arch_regs regs;
    uint64_t insn;
    int err = remote_finish_fork(inferior, thread);
    if (!err)
        err = remote_instruction(inferior, &insn);
    if (!err)
        err = arch_regs_get(thread->tid, &regs);
    if (err)
        return err;
    arch_syscall_prepare(&regs, insn, number, args);
    return arch_regs_set(thread->tid, &regs);
}
