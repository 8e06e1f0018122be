/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/replay.h"

#include "base/file.h"
#include "front/closure.h"
#include "front/library_cache.h"
#include "front/pages.h"
#include "os/blocks.h"
#include "ptrace/launch.h"
#include "ptrace/pending.h"
#include "ptrace/run.h"
#include "ptrace/wait.h"
#include "replay/place.h"
#include "replay/taking.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define WAIT_MS 5000

static struct inferior held; /* until Lua takes it */
static int held_err;         /* why there is none */
static uint64_t served_start, served_stop;

/* Tells whether nothing but the executable can have huge text, and huge pages have this size. */
static bool is_alone(const char *path, uint64_t huge)
{
    struct closure_rules rules = {
        .cache = LIBRARY_CACHE, .page = (uint64_t)sysconf(_SC_PAGESIZE), .huge = huge};
    return pages_smallest(rules.page) == huge && !closure_libraries_may_gain(path, &rules);
}

/* Tells whether all of the text is cached: then nothing is read while the program waits. Whom the
 * kernel does not tell, the page tables will in the end. */
static bool is_cached(int fd, const struct steps *steps)
{
    struct blocks blocks = {.fd = fd,
                            .offset = steps->text_offset,
                            .size = steps->text_stop - steps->text_start,
                            .huge = steps->huge};
    bool are = false;
    int err = blocks_are_cached(&blocks, &are);
    return err == -EPERM || (!err && are);
}

static bool find_place(const struct steps *steps, const struct stat *executable,
                       struct place *place)
{
    struct arch_regs regs;
    struct maps maps;
    const struct tracee *thread = inferior_thread(&held, 0);
    if (!thread || arch_regs_get(thread->tid, &regs) || maps_read(held.pid, MAPS_PLAIN, &maps))
        return false;
    bool found = place_find(steps, &maps, executable, arch_sp(&regs), place);
    maps_free(&maps);
    return found;
}

/* Takes the steps that are kept of the executable, which is open. */
static bool take_steps(const char *path, int fd)
{
    static struct steps steps;
    struct place place;
    struct stat executable;
    if (fstat(fd, &executable) < 0 || steps_read(&executable, &steps) ||
        !is_alone(path, steps.huge) || !is_cached(fd, &steps) ||
        !find_place(&steps, &executable, &place))
        return false;
    inferior_stay_beside(&held, true);
    if (taking_all(&steps, &place, &held))
        return false;
    served_start = place.bases[STEP_NEW] + steps.mappings[0].start;
    served_stop = place.bases[STEP_NEW] + steps.mappings[steps.mapping_count - 1].stop;
    return true;
}

static bool take(void)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/exe", (int)held.pid);
    int fd = file_open(path);
    if (fd < 0)
        return false;
    bool taken = take_steps(path, fd);
    close(fd);
    return taken;
}

/* Lets the process go. If the kernel refuses that, it would stand still for as long as this process
 * lives: then it is killed. */
static void let_go(void)
{
    int err = inferior_detach(&held);
    if (err && err != -ESRCH)
        inferior_kill(&held);
    inferior_free(&held);
}

bool replay_start(pid_t pid)
{
    struct event event;
    held_err = launch_take(pid, &held);
    if (held_err || inferior_wait(&held, WAIT_MS, &event))
        return false;
    bool taken = event.reason == EVENT_EXEC && take();
    if (!taken && pending_add(&held, &event) == 0)
        return false;
    let_go();
    return true;
}

bool replay_served(uint64_t *start, uint64_t *stop)
{
    *start = served_start;
    *stop = served_stop;
    return served_start < served_stop;
}

int replay_take(struct inferior *inferior)
{
    if (!held_err)
        inferior_move(inferior, &held);
    return held_err;
}
