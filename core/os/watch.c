/* SPDX-License-Identifier: Apache-2.0 */
#include "os/watch.h"

#include "proc/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PERF_FLAG_FD_CLOEXEC
#define PERF_FLAG_FD_CLOEXEC (1UL << 3)
#endif

/* Opens a perf event of one thread. Gives a file descriptor or -errno. */
static int open_event(struct perf_event_attr *attr, pid_t tid)
{
    attr->size = sizeof *attr;
    attr->exclude_kernel = attr->exclude_hv = 1; /* perf_event_paranoid 2 allows no more */
    long fd = syscall(SYS_perf_event_open, attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
    return fd < 0 ? -errno : (int)fd;
}

/* Opens the breakpoint of one thread. It tells of hits by SIGIO: poll(2) would need a buffer, which
 * the kernel refuses to an event that threads inherit. */
static int open_hits(pid_t tid, uint64_t address)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_BREAKPOINT, .bp_type = HW_BREAKPOINT_X, .bp_addr = address,
        .bp_len = sizeof(long), .sample_period = 1, .inherit = 1,
        .inherit_thread = 1, .remove_on_exec = 1}; /* both: Linux 5.13 */
    int fd = open_event(&attr, tid);
    if (fd >= 0 && (fcntl(fd, F_SETOWN, getpid()) < 0 || fcntl(fd, F_SETFL, O_ASYNC) < 0)) {
        int err = -errno;
        close(fd);
        return err;
    }
    return fd;
}

/* Opens the event that tells of an exec. The kernel writes a record, at which poll(2) wakes,
 * whenever the leader gets another name: by exec or by prctl, which the record tells apart. poll(2)
 * reports a hang-up when the leader ends; it also ends when another thread execs. */
static int open_exec(struct watch *watch)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_DUMMY, .comm = 1, .comm_exec = 1,
        .watermark = 1, .wakeup_watermark = 1};
    size_t size = 2 * (size_t)sysconf(_SC_PAGESIZE);
    int fd = open_event(&attr, watch->pid);
    if (fd < 0)
        return fd;
    void *buffer = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (buffer == MAP_FAILED) {
        int err = -errno;
        close(fd);
        return err;
    }
    watch->exec = fd;
    watch->buffer = buffer;
    return 0;
}

static int watch_thread(struct watch *watch, pid_t tid, uint64_t address)
{
    int *larger = realloc(watch->hits, (watch->count + 1) * sizeof *larger);
    if (!larger)
        return -ENOMEM;
    watch->hits = larger;
    int fd = open_hits(tid, address);
    if (fd < 0)
        return fd == -ESRCH ? 0 : fd;
    watch->hits[watch->count++] = fd;
    return 0;
}

static bool is_among(const pid_t *tids, size_t count, pid_t tid)
{
    for (size_t i = 0; i < count; i++)
        if (tids[i] == tid)
            return true;
    return false;
}

/* Watches all threads, until no more are new. One that appears meanwhile may have inherited a
 * breakpoint, and gets a second one, which does no harm. */
static int watch_threads(struct watch *watch, uint64_t address)
{
    pid_t *before = NULL, *tids;
    size_t had = 0, count;
    int err = 0;
    for (bool more = true; more && !err;) {
        more = false;
        err = process_threads(watch->pid, &tids, &count);
        if (err)
            break;
        for (size_t i = 0; i < count && !err; i++) {
            if (is_among(before, had, tids[i]))
                continue;
            more = true;
            err = watch_thread(watch, tids[i], address);
        }
        free(before);
        before = tids;
        had = count;
    }
    free(before);
    return err;
}

static void close_events(struct watch *watch)
{
    while (watch->count > 0)
        close(watch->hits[--watch->count]);
    free(watch->hits);
    watch->hits = NULL;
    if (watch->buffer)
        munmap(watch->buffer, 2 * (size_t)sysconf(_SC_PAGESIZE));
    if (watch->exec >= 0)
        close(watch->exec);
    watch->buffer = NULL;
    watch->exec = -1;
}

int watch_open(struct watch *watch, pid_t pid, uint64_t address, int *refused)
{
    sigset_t set;
    *watch = (struct watch){.pid = pid, .process = -1, .signals = -1, .exec = -1};
    sigemptyset(&set);
    sigaddset(&set, SIGIO);
    watch->process = (int)syscall(SYS_pidfd_open, pid, 0U); /* close-on-exec by nature */
    int err = watch->process < 0 ? -errno : 0;
    if (!err && (watch->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
        err = -errno;
    if (err) {
        watch_close(watch);
        return err;
    }
    *refused = open_exec(watch);
    if (!*refused)
        *refused = watch_threads(watch, address);
    if (*refused)
        close_events(watch);
    return 0;
}

/* Reads the new records of the buffer, and tells whether there was an exec. If many changes of the
 * name overrun the buffer records are lost; that is told as an exec, too, since the caller looks
 * for itself anyway. */
static bool has_exec(const struct watch *watch)
{
    struct perf_event_mmap_page *page = watch->buffer;
    uint64_t size = (uint64_t)sysconf(_SC_PAGESIZE), head = page->data_head, tail = page->data_tail;
    const char *data = (const char *)watch->buffer + size;
    bool found = false;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    while (tail < head) {
        const struct perf_event_header *record = (const void *)(data + tail % size);
        found |= record->type != PERF_RECORD_COMM || record->misc & PERF_RECORD_MISC_COMM_EXEC;
        if (record->size == 0)
            break;
        tail += record->size;
    }
    __atomic_store_n(&page->data_tail, head, __ATOMIC_RELEASE);
    return found;
}

int watch_wait(struct watch *watch, int timeout, enum watch_news *news)
{
    for (;;) {
        struct pollfd files[] = {{.fd = watch->process, .events = POLLIN},
                                 {.fd = watch->exec, .events = POLLIN},
                                 {.fd = watch->signals, .events = POLLIN}};
        int ready = poll(files, 3, timeout);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return ready < 0 ? -errno : -ETIMEDOUT;
        if (files[0].revents) {
            *news = WATCH_END;
            return 0;
        }
        bool exec = files[1].revents && has_exec(watch);
        if (files[1].revents & POLLHUP) { /* closed: poll(2) would report it again and again */
            exec = true;
            close(watch->exec);
            munmap(watch->buffer, 2 * (size_t)sysconf(_SC_PAGESIZE));
            watch->buffer = NULL;
            watch->exec = -1;
        }
        if (exec) {
            *news = WATCH_EXEC;
            return 0;
        }
        struct signalfd_siginfo info;
        bool hit = false;
        while (files[2].revents && read(watch->signals, &info, sizeof info) == sizeof info)
            hit = true;
        if (hit) {
            *news = WATCH_HIT;
            return 0;
        }
    }
}

void watch_close(struct watch *watch)
{
    close_events(watch);
    if (watch->process >= 0)
        close(watch->process);
    if (watch->signals >= 0)
        close(watch->signals);
    watch->process = watch->signals = -1;
}
