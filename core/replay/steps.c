/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/steps.h"

#include "base/file.h"
#include "os/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAGIC       "tiexec steps 1"
#define FOLDER      "/dev/shm/tiexec-%u-starts"
#define NAME_SIZE   80
#define LEAST_AGE_S 2 /* two changes within one tick of the clock leave the same times */

/* Notes what tells a file from all others, and from what it was before. Filesystems that os/stamp.h
 * does not know may do, too (overlayfs): the layout of the program is compared besides. */
static void identify(const struct stat *st, uint64_t identity[5])
{
    identity[0] = st->st_dev;
    identity[1] = st->st_ino;
    identity[2] = (uint64_t)st->st_size;
    identity[3] = (uint64_t)st->st_mtim.tv_sec * 1000000000 + (uint64_t)st->st_mtim.tv_nsec;
    identity[4] = (uint64_t)st->st_ctim.tv_sec * 1000000000 + (uint64_t)st->st_ctim.tv_nsec;
}

static int identify_tiexec(uint64_t identity[5])
{
    struct stat st;
    if (stat("/proc/self/exe", &st) < 0)
        return -errno;
    identify(&st, identity);
    return 0;
}

void steps_folder(char path[STEPS_PATH])
{
    snprintf(path, STEPS_PATH, FOLDER, (unsigned)geteuid());
}

/* Opens the folder of this user; with `make` it is made. */
static int open_folder(bool make)
{
    char path[STEPS_PATH];
    if (getenv("TIEXEC_CACHE")) /* nothing is to be kept elsewhere */
        return -ENOENT;
    steps_folder(path);
    return cache_open_notes(path, make);
}

static void name_of(const struct stat *executable, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "%" PRIx64 "-%" PRIx64, (uint64_t)executable->st_dev,
             (uint64_t)executable->st_ino);
}

static bool has_sound_bases(const struct steps *steps)
{
    for (size_t i = 0; i < steps->step_count; i++)
        for (size_t j = 0; j < sizeof steps->list[i].bases; j++)
            if (steps->list[i].bases[j] > STEP_ASIDE)
                return false;
    return true;
}

static bool is_multiple(uint64_t value, uint64_t size) { return value % size == 0; }

/* Tells whether what was read can be followed without a look beyond it. */
static bool is_sound(const struct steps *steps)
{
    return memcmp(steps->magic, MAGIC, sizeof MAGIC) == 0 && steps->mapping_count > 0 &&
           steps->mapping_count <= STEPS_MAPPINGS && steps->step_count <= STEPS_MAX &&
           steps->step_count > 0 && steps->huge > 0 && steps->alignment > 0 &&
           steps->text_start < steps->text_stop &&
           is_multiple(steps->text_stop - steps->text_start, steps->huge) &&
           is_multiple(steps->text_offset, steps->huge) && has_sound_bases(steps);
}

static int check(const struct steps *steps, const struct stat *executable)
{
    uint64_t tiexec[5], its[5];
    int err = identify_tiexec(tiexec);
    identify(executable, its);
    if (err || !is_sound(steps))
        return err ? err : -EINVAL;
    bool same = !memcmp(tiexec, steps->tiexec, sizeof tiexec) &&
                !memcmp(its, steps->executable, sizeof its);
    return same ? 0 : -ESTALE;
}

int steps_read(const struct stat *executable, struct steps *steps)
{
    char name[NAME_SIZE];
    const char *why;
    int folder = open_folder(false);
    if (folder < 0)
        return folder;
    name_of(executable, name);
    int fd = cache_open(folder, name, sizeof *steps, &why);
    close(folder);
    if (fd < 0)
        return fd;
    ssize_t size = pread(fd, steps, sizeof *steps, 0);
    close(fd);
    return size == sizeof *steps ? check(steps, executable) : -EINVAL;
}

/* Writes the whole of a file that was begun, and gives it its name. */
static int write_file(int folder, const char *name, const struct steps *steps)
{
    int fd = cache_begin(folder, name, 0);
    if (fd < 0)
        return fd;
    int err = pwrite(fd, steps, sizeof *steps, 0) == sizeof *steps
                  ? cache_finish(folder, name, fd, S_IRUSR)
                  : -EIO;
    if (err)
        cache_abandon(folder, name);
    close(fd);
    return err;
}

int steps_keep(struct steps *steps, const struct stat *executable)
{
    char name[NAME_SIZE];
    if (time(NULL) - executable->st_ctim.tv_sec < LEAST_AGE_S)
        return -EAGAIN;
    memcpy(steps->magic, MAGIC, sizeof MAGIC);
    identify(executable, steps->executable);
    int err = identify_tiexec(steps->tiexec), folder = err ? err : open_folder(true);
    if (folder < 0)
        return folder;
    name_of(executable, name);
    unlinkat(folder, name, 0);
    err = write_file(folder, name, steps);
    close(folder);
    return err;
}
