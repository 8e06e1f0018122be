/* SPDX-License-Identifier: Apache-2.0 */
#include "os/rings.h"

#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <limits.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PERF_FLAG_FD_CLOEXEC
#define PERF_FLAG_FD_CLOEXEC (1UL << 3)
#endif

#define CPUS_MOST 8192
#define AT_ONCE   64 /* events that epoll_wait is asked for */
/* The largest record: of a mapping whose file has a path of PATH_MAX. */
#define LARGEST (PATH_MAX + 256)

/* The ring of one CPU. It lies behind a page of the kernel's, `page`; NULL: no event has been
 * opened there yet. */
struct ring {
    int cpu, event;
    struct perf_event_mmap_page *page;
};

static size_t mapped_size(const struct rings *rings)
{
    return rings->size + (size_t)sysconf(_SC_PAGESIZE);
}

/* ---- the CPUs ---- */

static bool has_cpu(const struct rings *rings, int cpu)
{
    for (size_t i = 0; i < rings->count; i++)
        if (rings->list[i].cpu == cpu)
            return true;
    return false;
}

static int add_cpu(struct rings *rings, int cpu)
{
    if (has_cpu(rings, cpu))
        return 0;
    struct ring *larger = realloc(rings->list, (rings->count + 1) * sizeof *larger);
    if (!larger)
        return -ENOMEM;
    rings->list = larger;
    rings->list[rings->count++] = (struct ring){.cpu = cpu, .event = -1};
    return 0;
}

/* Adds the CPUs of a list as the kernel writes it: "0-3,8". */
static int add_listed(struct rings *rings, const char *text)
{
    int err = 0;
    while (!err && *text >= '0' && *text <= '9') {
        char *rest;
        long first = strtol(text, &rest, 10), last = first;
        if (*rest == '-')
            last = strtol(rest + 1, &rest, 10);
        for (long cpu = first; cpu <= last && cpu < CPUS_MOST && !err; cpu++)
            err = add_cpu(rings, (int)cpu);
        text = rest + (*rest == ',');
    }
    return err;
}

static int add_online(struct rings *rings)
{
    char *text;
    size_t size;
    if (file_read("/sys/devices/system/cpu/online", &text, &size) == 0) {
        int err = add_listed(rings, text);
        free(text);
        if (err || rings->count > 0)
            return err;
    }
    int err = 0;
    for (int cpu = 0; cpu < sysconf(_SC_NPROCESSORS_ONLN) && !err; cpu++)
        err = add_cpu(rings, cpu);
    return err;
}

/* ---- events ---- */

static int open_event(pid_t tid, int cpu)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_DUMMY,
        .inherit = 1, .mmap = 1, .mmap2 = 1, .comm = 1, .comm_exec = 1, .task = 1,
        .exclude_kernel = 1, .exclude_hv = 1, /* perf_event_paranoid 2 allows no more */
        .watermark = 1, .wakeup_watermark = 1,
        /* Each record ends with its time, on a clock that all CPUs have. */
        .sample_id_all = 1, .sample_type = PERF_SAMPLE_TIME, .use_clockid = 1,
        .clockid = CLOCK_MONOTONIC};
    if (tid == RINGS_HOST)
        attr.inherit = attr.mmap = attr.mmap2 = attr.task = 0;
    long fd = syscall(SYS_perf_event_open, &attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
    return fd < 0 ? -errno : (int)fd;
}

/* Gives an event the ring of its CPU, which is made for the first one. */
static int connect_event(struct rings *rings, struct ring *ring, int event)
{
    if (ring->page)
        return ioctl(event, PERF_EVENT_IOC_SET_OUTPUT, ring->event) < 0 ? -errno : 0;
    void *page = mmap(NULL, mapped_size(rings), PROT_READ | PROT_WRITE, MAP_SHARED, event, 0);
    if (page == MAP_FAILED)
        return -errno;
    ring->page = page;
    ring->event = event;
    return 0;
}

/* Makes room for one more event on each CPU. */
static int reserve(struct rings *rings)
{
    size_t wanted = rings->event_count + rings->count;
    if (wanted <= rings->room)
        return 0;
    int *larger = realloc(rings->events, wanted * sizeof *larger);
    if (!larger)
        return -ENOMEM;
    rings->events = larger;
    rings->room = wanted;
    return 0;
}

/* Notes an event, for which there is room, and has its news waited for. */
static int note_event(struct rings *rings, int event)
{
    rings->events[rings->event_count] = event;
    struct epoll_event wanted = {.events = EPOLLIN, .data.fd = event};
    if (epoll_ctl(rings->poller, EPOLL_CTL_ADD, event, &wanted) < 0)
        return -errno;
    rings->event_count++;
    return 0;
}

static void unmap(const struct rings *rings, struct ring *ring)
{
    if (ring->page)
        munmap(ring->page, mapped_size(rings));
    ring->page = NULL;
    ring->event = -1;
}

static int add_event(struct rings *rings, pid_t tid, struct ring *ring)
{
    int event = open_event(tid, ring->cpu);
    if (event == -ENODEV) /* the CPU has gone offline */
        return 0;
    if (event < 0)
        return event;
    int err = connect_event(rings, ring, event);
    if (!err)
        err = note_event(rings, event);
    if (err && ring->event == event)
        unmap(rings, ring);
    if (err)
        close(event);
    return err;
}

/* Closes the events after the first `count`. */
static void close_events(struct rings *rings, size_t count)
{
    while (rings->event_count > count) {
        int event = rings->events[--rings->event_count];
        for (size_t i = 0; i < rings->count; i++)
            if (rings->list[i].event == event)
                unmap(rings, &rings->list[i]);
        close(event);
    }
}

int rings_add(struct rings *rings, pid_t tid, size_t from)
{
    size_t before = rings->event_count;
    int err = reserve(rings);
    for (size_t i = from; i < rings->count && !err; i++)
        err = add_event(rings, tid, &rings->list[i]);
    if (!err && rings->event_count == before)
        err = -ENODEV;
    if (err)
        close_events(rings, before);
    return err;
}

size_t rings_grow(struct rings *rings)
{
    size_t before = rings->count;
    add_online(rings);
    return before;
}

/* ---- opening and closing ---- */

int rings_open(struct rings *rings, size_t size)
{
    *rings = (struct rings){.poller = -1, .opened = -1, .size = size};
    rings->poller = epoll_create1(EPOLL_CLOEXEC);
    if (rings->poller >= 0)
        rings->opened = eventfd(0, EFD_CLOEXEC);
    int err = rings->opened < 0 ? -errno : add_online(rings);
    if (err)
        rings_close(rings);
    return err;
}

static void *open_first(void *context)
{
    struct rings *rings = context;
    uint64_t one = 1;
    rings->result = rings_add(rings, rings->first, 0);
    (void)!write(rings->opened, &one, sizeof one);
    return NULL;
}

/* The thread takes no memory: this process may be forked meanwhile, by a system call that leaves
 * malloc's locks as they are. */
int rings_begin(struct rings *rings, pid_t tid)
{
    sigset_t all, before;
    int err = reserve(rings);
    if (err)
        return err;
    rings->first = tid;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    err = -pthread_create(&rings->opener, NULL, open_first, rings);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    rings->has_opener = !err;
    return err;
}

int rings_ready(struct rings *rings, int timeout)
{
    struct pollfd poller = {.fd = rings->opened, .events = POLLIN};
    int ready;
    if (!rings->has_opener)
        return rings->result;
    do
        ready = poll(&poller, 1, timeout);
    while (ready < 0 && errno == EINTR);
    if (ready <= 0)
        return ready < 0 ? -errno : -ETIMEDOUT;
    pthread_join(rings->opener, NULL);
    rings->has_opener = false;
    return rings->result;
}

void rings_close(struct rings *rings)
{
    if (rings->has_opener)
        pthread_join(rings->opener, NULL);
    close_events(rings, 0);
    free(rings->events);
    free(rings->list);
    if (rings->poller >= 0)
        close(rings->poller);
    if (rings->opened >= 0)
        close(rings->opened);
    *rings = (struct rings){.poller = -1, .opened = -1};
}

/* ---- waiting ---- */

int rings_wait(struct rings *rings, int timeout)
{
    struct epoll_event events[AT_ONCE];
    if (rings->has_left) /* of those the kernel does not tell again */
        return 0;
    if (rings->ended == rings->event_count)
        return -ESRCH;
    int count;
    do
        count = epoll_wait(rings->poller, events, AT_ONCE, timeout);
    while (count < 0 && errno == EINTR);
    if (count <= 0)
        return count < 0 ? -errno : -ETIMEDOUT;
    /* An event hangs up when the last of its threads has ended, and would be told of for ever. */
    for (int i = 0; i < count; i++)
        if (events[i].events & (EPOLLHUP | EPOLLERR)) {
            epoll_ctl(rings->poller, EPOLL_CTL_DEL, events[i].data.fd, NULL);
            rings->ended++;
        }
    return rings->ended == rings->event_count ? -ESRCH : 0;
}

/* ---- records ---- */

/* As the kernel lays them out, without what is not looked at. */
union record {
    struct perf_event_header header;
    struct {
        struct perf_event_header header;
        uint32_t pid, tid;
        uint64_t address, length, offset;
        uint32_t major, minor;
        uint64_t inode, generation;
        uint32_t protection, flags;
    } mapping;
    struct {
        struct perf_event_header header;
        uint32_t pid, parent, tid, parent_tid;
    } task;
    struct {
        struct perf_event_header header;
        uint32_t pid, tid;
    } name;
};

struct reading {
    uint64_t least, until; /* until: later records are left for the next reading */
    bool threads, lost, left;
    uint64_t time; /* of the record that is being taken */
    struct rings_record *list;
    size_t count, capacity;
};

static void keep(struct reading *reading, struct rings_record record)
{
    if (reading->count == reading->capacity) {
        size_t more = reading->capacity ? 2 * reading->capacity : 64;
        struct rings_record *larger = realloc(reading->list, more * sizeof *larger);
        if (!larger) {
            reading->lost = true;
            return;
        }
        reading->list = larger;
        reading->capacity = more;
    }
    record.time = reading->time;
    reading->list[reading->count++] = record;
}

static void take_mapping(struct reading *reading, const union record *record)
{
    bool is_text = record->mapping.inode != 0 && record->mapping.protection & PROT_EXEC &&
                   !(record->mapping.flags & MAP_SHARED);
    if (is_text && record->mapping.length >= reading->least)
        keep(reading, (struct rings_record){
                          .kind = RINGS_MAPPED, .pid = (pid_t)record->mapping.pid,
                          .tid = (pid_t)record->mapping.tid, .start = record->mapping.address,
                          .size = record->mapping.length});
}

static void take_fork(struct reading *reading, const union record *record)
{
    if (record->task.pid != record->task.parent || reading->threads)
        keep(reading, (struct rings_record){
                          .kind = RINGS_FORKED, .pid = (pid_t)record->task.pid,
                          .tid = (pid_t)record->task.tid, .parent = (pid_t)record->task.parent});
}

/* Takes what one record tells. Which of its fields there are its size says. */
static void take(struct reading *reading, const union record *record)
{
    size_t size = record->header.size;
    if (record->header.type == PERF_RECORD_LOST) {
        reading->lost = true;
    } else if (record->header.type == PERF_RECORD_MMAP2 && size >= sizeof record->mapping) {
        take_mapping(reading, record);
    } else if (record->header.type == PERF_RECORD_FORK && size >= sizeof record->task) {
        take_fork(reading, record);
    } else if (record->header.type == PERF_RECORD_EXIT && size >= sizeof record->task) {
        if (record->task.pid == record->task.tid)
            keep(reading, (struct rings_record){.kind = RINGS_ENDED,
                                                .pid = (pid_t)record->task.pid,
                                                .tid = (pid_t)record->task.tid});
    } else if (record->header.type == PERF_RECORD_COMM && size >= sizeof record->name) {
        if (record->header.misc & PERF_RECORD_MISC_COMM_EXEC)
            keep(reading, (struct rings_record){.kind = RINGS_EXEC,
                                                .pid = (pid_t)record->name.pid,
                                                .tid = (pid_t)record->name.tid});
    }
}

/* Copies bytes out of a ring, at whose end they may be cut in two. */
static void copy_out(const char *data, size_t size, uint64_t at, void *to, size_t length)
{
    size_t offset = (size_t)(at % size), first = size - offset;
    if (first > length)
        first = length;
    memcpy(to, data + offset, first);
    memcpy((char *)to + first, data, length - first);
}

/* Reads one ring. Whoever finds it nearly full must reckon with records for which there was no
 * room: the kernel tells of those only when it writes the next one. */
static void read_ring(const struct rings *rings, struct ring *ring, struct reading *reading)
{
    const char *data = (const char *)ring->page + (mapped_size(rings) - rings->size);
    uint64_t head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
    uint64_t tail = ring->page->data_tail, used = head - tail;
    size_t spare = LARGEST < rings->size / 2 ? LARGEST : rings->size / 2;
    bool is_later = false;
    if (used > rings->size - spare)
        reading->lost = true;
    while (tail != head && !is_later) {
        union record record = {0};
        uint64_t left = head - tail;
        if (left < sizeof record.header || left > rings->size)
            break;
        copy_out(data, rings->size, tail, &record.header, sizeof record.header);
        uint64_t size = record.header.size;
        if (size < sizeof record.header || size > left)
            break;
        copy_out(data, rings->size, tail, &record, size < sizeof record ? size : sizeof record);
        copy_out(data, rings->size, tail + size - sizeof reading->time, &reading->time,
                 sizeof reading->time);
        is_later = reading->time > reading->until;
        if (!is_later) {
            take(reading, &record);
            tail += size;
        }
    }
    reading->left |= is_later;
    if (tail != head && !is_later) { /* what stands there is no record */
        reading->lost = true;
        tail = head;
    }
    __atomic_store_n(&ring->page->data_tail, tail, __ATOMIC_RELEASE);
}

/* What one process has caused on another CPU may have been written before: a child can exec before
 * the ring is read in which its fork stands. */
static int compare(const void *a, const void *b)
{
    uint64_t first = ((const struct rings_record *)a)->time;
    uint64_t second = ((const struct rings_record *)b)->time;
    return (first > second) - (first < second);
}

void rings_read(struct rings *rings, uint64_t least, bool threads, struct rings_record **list,
                size_t *count, bool *lost)
{
    struct reading reading = {
        .least = least, .threads = threads, .until = (uint64_t)clock_now()};
    for (size_t i = 0; i < rings->count; i++)
        if (rings->list[i].page)
            read_ring(rings, &rings->list[i], &reading);
    if (reading.count)
        qsort(reading.list, reading.count, sizeof *reading.list, compare);
    rings->has_left = reading.left;
    *list = reading.list;
    *count = reading.count;
    *lost = reading.lost;
}
