/* SPDX-License-Identifier: Apache-2.0
 * Watching a family of processes from outside, without tracing, stopping or changing any of them.
 *
 * A software event of perf that counts nothing is opened for a thread, on each CPU. All that the
 * thread starts from then on inherits it, over forks and execs. The kernel writes a record into
 * the ring of the CPU whenever one of them maps executable memory, forks, execs or ends. The rings
 * are small, and an ordinary user may have them where kernel.perf_event_paranoid is at most 2.
 *
 * A program that gets rights by its exec (set-id) leaves the family at that moment: the kernel
 * takes the event from it. */
#ifndef TIEXEC_RINGS_H
#define TIEXEC_RINGS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct rings {
    struct ring *list; /* one for each CPU that was online */
    size_t count;
    int *events; /* all events; the first one of a CPU has its ring, to which the others write */
    size_t event_count, room, ended; /* room: in the list of events */
    int poller;       /* epoll, of all events whose threads have not ended */
    int opened;       /* an eventfd: the thread is done */
    size_t size;      /* bytes of records in one ring */
    pthread_t opener; /* a thread that opens the first events */
    bool has_opener;
    pid_t first; /* whose events the thread opens */
    int result;  /* of that */
    bool has_left; /* rings_read has left records that were newer than its beginning */
};

enum rings_kind { RINGS_MAPPED, RINGS_FORKED, RINGS_EXEC, RINGS_ENDED };

struct rings_record {
    enum rings_kind kind;
    pid_t pid, tid; /* RINGS_FORKED: of the new process or thread */
    pid_t parent;   /* RINGS_FORKED: the process that made it; `pid` itself: it is a thread */
    uint64_t start, size; /* RINGS_MAPPED: of the mapping; others: 0 */
    uint64_t time;        /* CLOCK_MONOTONIC, in nanoseconds */
};

/* In place of a thread: all of the host, of which execs alone are told. That is for who has
 * CAP_PERFMON, or where kernel.perf_event_paranoid is at most 0. */
#define RINGS_HOST (-1)

/* Prepares rings of `size` bytes, a power of two of at least a page, for the CPUs that are online.
 * Returns 0, and the caller calls rings_close; or -errno. */
int rings_open(struct rings *rings, size_t size);

/* Begins to open the events of thread `tid`, or RINGS_HOST, aside, in a thread of this process. The
 * first event of a host takes the kernel many milliseconds (it waits for all CPUs). Nothing else
 * may be done with the rings before rings_ready tells. Returns 0 or -errno. */
int rings_begin(struct rings *rings, pid_t tid);

/* Tells whether the events of rings_begin stand; it waits for that for `timeout` milliseconds. 0;
 * -ETIMEDOUT: not yet; other -errno: the kernel has refused. */
int rings_ready(struct rings *rings, int timeout);

/* Opens events of one more thread, or of RINGS_HOST again, on the CPUs from number `from` of the
 * list on. -ESRCH: it has ended. Where that fails none of its events is left. */
int rings_add(struct rings *rings, pid_t tid, size_t from);

/* Adds CPUs to the list that have come online, and gives how many there were before. */
size_t rings_grow(struct rings *rings);

/* Waits until there are records: 0; -ETIMEDOUT; -ESRCH: all threads have ended whose events were
 * opened, and all that were started by them. There may still be records then. */
int rings_wait(struct rings *rings, int timeout);

/* Takes out all records that there were when it was called, in order of their times. Another CPU
 * may be late with one, by less than a microsecond: then that comes with the next reading.
 * Records tell of executable mappings of files, of at least `least` bytes; of forks of processes
 * and, if `threads` is set, of threads; of execs; of the ends of first threads.
 * *list is malloc'd by this call and freed by the caller. *lost tells whether others may have been
 * lost since the last call, because a ring was full or memory was short. */
void rings_read(struct rings *rings, uint64_t least, bool threads, struct rings_record **list,
                size_t *count, bool *lost);

void rings_close(struct rings *rings);

#endif
