/* SPDX-License-Identifier: Apache-2.0 */
#include "os/samples.h"

#include "base/clock.h"
#include "os/perf_event.h"
#include "proc/process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RING_PAGES 64        /* 256 KiB, half of what a user may lock for each processor */
#define MOST       (1 << 30) /* bytes of records */
#define SELDOM     100       /* milliseconds */

struct samples_ring {
    int cpu, fd;
    struct perf_event_mmap_page *page;
};

static size_t page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

/* ---- opening ---- */

static const struct {
    const char *name;
    uint32_t type;
    uint64_t config;
    unsigned precise;
} kinds[] = {
    {"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, 2},
    {"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, 0},
    {"cpu-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, 0},
};

static int open_event(unsigned kind, pid_t tid, int cpu, unsigned frequency, bool on_exec)
{
    struct perf_event_attr attr = {
        .type = kinds[kind].type, .config = kinds[kind].config, .freq = 1,
        .sample_freq = frequency,
        .sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME,
        .sample_id_all = 1, .inherit = 1, .mmap = 1, .mmap2 = 1, .comm = 1, .comm_exec = 1,
        .task = 1, .disabled = on_exec, .enable_on_exec = on_exec, .watermark = 1,
        .wakeup_watermark = (uint32_t)(RING_PAGES / 2 * page_size())};
    attr.precise_ip = kinds[kind].precise & 3;
    return perf_event_open_user(&attr, tid, cpu, -1);
}

static int keep_fd(struct samples *samples, int fd)
{
    int *larger = realloc(samples->fds, (samples->fd_count + 1) * sizeof *larger);
    if (!larger) {
        close(fd);
        return -ENOMEM;
    }
    samples->fds = larger;
    samples->fds[samples->fd_count++] = fd;
    return 0;
}

/* Maps the buffer of the first event on a processor; those of other threads write into it, too. */
static int add_ring(struct samples *samples, int cpu, int fd)
{
    struct samples_ring *larger =
        realloc(samples->rings, (samples->ring_count + 1) * sizeof *larger);
    if (!larger)
        return -ENOMEM;
    samples->rings = larger;
    size_t size = (RING_PAGES + 1) * page_size();
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return -errno;
    samples->rings[samples->ring_count++] = (struct samples_ring){cpu, fd, page};
    return 0;
}

static int join_ring(struct samples *samples, int cpu, int fd)
{
    for (size_t i = 0; i < samples->ring_count; i++)
        if (samples->rings[i].cpu == cpu)
            return ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, samples->rings[i].fd) < 0 ? -errno : 0;
    return add_ring(samples, cpu, fd);
}

/* Threads inherit an event that is mapped only if it is bound to a processor: so each thread gets
 * one for each of them. */
static int open_thread(struct samples *samples, unsigned kind, pid_t tid, unsigned frequency,
                       bool on_exec)
{
    int cpus = (int)sysconf(_SC_NPROCESSORS_CONF), opened = 0;
    for (int cpu = 0; cpu < cpus; cpu++) {
        int fd = open_event(kind, tid, cpu, frequency, on_exec);
        if (fd == -ENODEV) /* it is offline */
            continue;
        int err = fd < 0 ? fd : keep_fd(samples, fd);
        if (!err)
            err = join_ring(samples, cpu, fd);
        if (err)
            return err == -ESRCH && tid != samples->pid ? 0 : err;
        opened++;
    }
    return opened ? 0 : -ENODEV;
}

static void close_events(struct samples *samples)
{
    for (size_t i = 0; i < samples->ring_count; i++)
        munmap(samples->rings[i].page, (RING_PAGES + 1) * page_size());
    for (size_t i = 0; i < samples->fd_count; i++)
        close(samples->fds[i]);
    free(samples->rings);
    free(samples->fds);
    samples->rings = NULL;
    samples->fds = NULL;
    samples->ring_count = samples->fd_count = 0;
}

static int open_threads(struct samples *samples, unsigned kind, unsigned frequency, bool on_exec)
{
    pid_t *tids;
    size_t count;
    int err = process_threads(samples->pid, &tids, &count);
    if (err)
        return err;
    for (size_t i = 0; i < count && !err; i++)
        err = open_thread(samples, kind, tids[i], frequency, on_exec);
    free(tids);
    if (err)
        close_events(samples);
    return err;
}

int samples_open(struct samples *samples, pid_t pid, unsigned frequency, bool on_exec)
{
    sigset_t set;
    *samples = (struct samples){.pid = pid, .process = -1, .signals = -1};
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    samples->process = (int)syscall(SYS_pidfd_open, pid, 0U);
    if (samples->process >= 0)
        samples->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    int err = samples->signals < 0 ? -errno : 0;
    if (!err && sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        err = -errno;
    for (unsigned kind = 0; !err && samples->fd_count == 0; kind++) {
        err = open_threads(samples, kind, frequency, on_exec);
        samples->event = kinds[kind].name;
        if (err && kind + 1 < sizeof kinds / sizeof kinds[0] && err != -ESRCH)
            err = 0;
    }
    if (err)
        samples_close(samples);
    return err;
}

/* ---- collecting ---- */

static int append(struct samples *samples, const char *data, size_t size)
{
    if (samples->size + size > samples->capacity) {
        size_t capacity = samples->capacity ? 2 * samples->capacity : 1 << 20;
        char *larger = capacity > MOST ? NULL : realloc(samples->log, capacity);
        if (!larger)
            return -ENOMEM;
        samples->log = larger;
        samples->capacity = capacity;
    }
    memcpy(samples->log + samples->size, data, size);
    samples->size += size;
    return 0;
}

/* Takes over all that a buffer has; at its end it goes on at its beginning. */
static int drain(struct samples *samples, const struct samples_ring *ring)
{
    struct perf_event_mmap_page *page = ring->page;
    uint64_t size = RING_PAGES * page_size(), tail = page->data_tail;
    uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
    const char *data = (const char *)page + page_size();
    int err = 0;
    while (tail < head && !err) {
        uint64_t at = tail % size, part = head - tail < size - at ? head - tail : size - at;
        err = append(samples, data + at, part);
        tail += part;
    }
    __atomic_store_n(&page->data_tail, head, __ATOMIC_RELEASE);
    return err;
}

static int drain_all(struct samples *samples)
{
    int err = 0;
    for (size_t i = 0; i < samples->ring_count && !err; i++)
        err = drain(samples, &samples->rings[i]);
    return err;
}

/* Tells whether there is news, and which. */
static bool look(const struct samples *samples, const struct pollfd *files, enum samples_news *news)
{
    struct signalfd_siginfo info;
    if (files[1].revents && read(samples->signals, &info, sizeof info) == sizeof info) {
        *news = SAMPLES_SIGNAL;
        if (!samples->is_child)
            return true;
        if (info.ssi_code <= 0)
            kill(samples->pid, (int)info.ssi_signo);
    }
    *news = SAMPLES_END;
    return files[0].revents != 0;
}

/* An event whose threads have all ended is always ready (POLLHUP): it is not asked any more. Others
 * may still write into its buffer, which is looked at now and then. Returns whether there is one.
 */
static bool drop_ended(struct pollfd *files, size_t count)
{
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if (files[i].revents & POLLHUP)
            files[i].fd = -1;
        any |= files[i].fd < 0;
    }
    return any;
}

static struct pollfd *new_files(const struct samples *samples, size_t count)
{
    struct pollfd *files = calloc(count, sizeof *files);
    for (size_t i = 0; files && i < count; i++)
        files[i] = (struct pollfd){.fd = i == 0   ? samples->process
                                         : i == 1 ? samples->signals
                                                  : samples->rings[i - 2].fd,
                                   .events = POLLIN};
    return files;
}

int samples_wait(struct samples *samples, int timeout, enum samples_news *news)
{
    size_t count = samples->ring_count + 2;
    int64_t deadline = clock_deadline(timeout);
    struct pollfd *files = new_files(samples, count);
    int err = files ? 0 : -ENOMEM;
    bool done = false, ended = false;
    while (!err && !done) {
        int left = clock_left(deadline);
        int ready = poll(files, count, ended && (left < 0 || left > SELDOM) ? SELDOM : left);
        err = ready < 0 && errno != EINTR ? -errno : drain_all(samples);
        done = ready > 0 && look(samples, files, news);
        if (!done && clock_is_past(deadline)) {
            *news = SAMPLES_TIMEOUT;
            done = true;
        }
        ended = drop_ended(files + 2, count - 2);
    }
    free(files);
    return err;
}

/* ---- the records ---- */

struct pc_record {
    struct perf_event_header header;
    uint64_t pc;
    uint32_t pid, tid;
    uint64_t time;
};

struct task_record {
    struct perf_event_header header;
    uint32_t pid, parent, tid, parent_tid;
};

struct lost_record {
    struct perf_event_header header;
    uint64_t id, lost;
};

struct map_record {
    struct perf_event_header header;
    uint32_t pid, tid;
    uint64_t start, size, offset, identity[3];
    uint32_t protection, flags;
    char path[];
};

/* All records but those of samples end with process, thread and time. */
static uint64_t time_of(const struct perf_event_header *header)
{
    uint64_t time;
    if (header->type == PERF_RECORD_SAMPLE)
        return ((const struct pc_record *)(const void *)header)->time;
    memcpy(&time, (const char *)header + header->size - sizeof time, sizeof time);
    return time;
}

static bool is_wanted(const struct perf_event_header *header)
{
    switch (header->type) {
    case PERF_RECORD_SAMPLE:
    case PERF_RECORD_MMAP2:
    case PERF_RECORD_FORK:
    case PERF_RECORD_LOST:
        return true;
    case PERF_RECORD_COMM:
        return header->misc & PERF_RECORD_MISC_COMM_EXEC;
    default:
        return false;
    }
}

static const struct perf_event_header *record_at(const char *log, size_t at)
{
    return (const void *)(log + at);
}

/* Records of one time keep their order. */
static int compare(const void *a, const void *b, void *log)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    uint64_t u = time_of(record_at(log, x)), v = time_of(record_at(log, y));
    if (u != v)
        return u < v ? -1 : 1;
    return x < y ? -1 : x > y;
}

int samples_finish(struct samples *samples)
{
    for (size_t i = 0; i < samples->fd_count; i++)
        ioctl(samples->fds[i], PERF_EVENT_IOC_DISABLE, 0);
    int err = drain_all(samples);
    size_t count = 0;
    for (int pass = 0; pass < 2 && !err; pass++) {
        count = 0;
        for (size_t at = 0; at + sizeof(struct perf_event_header) <= samples->size;) {
            const struct perf_event_header *header = record_at(samples->log, at);
            if (header->size == 0)
                break;
            if (is_wanted(header) && pass == 1)
                samples->order[count] = at;
            count += is_wanted(header);
            at += header->size;
        }
        if (pass == 0 && !(samples->order = calloc(count + 1, sizeof *samples->order)))
            err = -ENOMEM;
    }
    if (err)
        return err;
    samples->count = count;
    qsort_r(samples->order, count, sizeof *samples->order, compare, samples->log);
    return 0;
}

void samples_get(const struct samples *samples, size_t number, struct sample *sample)
{
    const struct perf_event_header *header = record_at(samples->log, samples->order[number]);
    const void *record = header;
    *sample = (struct sample){.kind = SAMPLE_PC, .time = time_of(header)};
    if (header->type == PERF_RECORD_SAMPLE) {
        const struct pc_record *pc = record;
        sample->pid = (pid_t)pc->pid;
        sample->pc = pc->pc;
    } else if (header->type == PERF_RECORD_MMAP2) {
        const struct map_record *map = record;
        sample->kind = SAMPLE_MAP;
        sample->pid = (pid_t)map->pid;
        sample->start = map->start;
        sample->size = map->size;
        sample->offset = map->offset;
        sample->path = map->path;
    } else if (header->type == PERF_RECORD_LOST) {
        sample->kind = SAMPLE_LOST;
        sample->count = ((const struct lost_record *)record)->lost;
    } else {
        const struct task_record *task = record;
        sample->kind = header->type == PERF_RECORD_FORK ? SAMPLE_FORK : SAMPLE_EXEC;
        sample->pid = (pid_t)task->pid;
        sample->parent = (pid_t)task->parent;
    }
}

void samples_close(struct samples *samples)
{
    close_events(samples);
    if (samples->process >= 0)
        close(samples->process);
    if (samples->signals >= 0)
        close(samples->signals);
    free(samples->log);
    free(samples->order);
    *samples = (struct samples){.process = -1, .signals = -1};
}
