/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tlb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LARGEST = 2048, CHUNK = 8192 };

struct shape {
    unsigned entries, ways; /* 0: there is none */
};

/* scripts/tiexec/model/cpus.lua has the sources of these figures. */
static const struct {
    const char *name;
    struct shape small, huge, second; /* huge: if huge pages have a first level of their own */
} shapes[TLB_CPUS] = {
    {.name = "zen3", .small = {64, 64}, .second = {512, 8}},
    {.name = "skylake", .small = {128, 8}, .huge = {8, 8}, .second = {1536, 12}},
    {.name = "neoverse-n1", .small = {48, 48}, .second = {1280, 5}},
};

struct level {
    struct shape shape;
    uint64_t keys[LARGEST]; /* set by set, in each the last used first; 0: free */
};

struct cpu {
    struct level small, huge, second;
    uint64_t misses, walks;
};

struct model {
    const struct tlb_page *huge;
    size_t count;
    uint64_t last; /* the key of the page before */
    struct cpu cpus[TLB_CPUS];
};

static uint64_t sets_of(const struct level *level)
{
    const struct shape *shape = &level->shape;
    return shape->entries > shape->ways ? shape->entries / shape->ways : 1;
}

/* Looks for a page, and puts it first in its set. `key` is not 0. */
static int is_hit(struct level *level, uint64_t page, uint64_t key)
{
    uint64_t *set = level->keys + page % sets_of(level) * level->shape.ways;
    unsigned at = 0;
    while (at + 1 < level->shape.ways && set[at] != key)
        at++;
    int hit = set[at] == key;
    memmove(set + 1, set, at * sizeof *set);
    set[0] = key;
    return hit;
}

/* The number of the huge page that a small page lies in, from 1 on; 0: in none. */
static size_t find(const struct model *model, uint64_t page)
{
    size_t low = 0, high = model->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (page < model->huge[middle].first)
            high = middle;
        else if (page >= model->huge[middle].behind)
            low = middle + 1;
        else
            return middle + 1;
    }
    return 0;
}

static void fetch(struct model *model, uint64_t page)
{
    size_t place = find(model, page);
    uint64_t number = place ? place : page, key = number << 1 | (place != 0);
    if (key == model->last)
        return;
    model->last = key;
    for (struct cpu *cpu = model->cpus; cpu < model->cpus + TLB_CPUS; cpu++) {
        struct level *first = place && cpu->huge.shape.entries ? &cpu->huge : &cpu->small;
        if (is_hit(first, number, key))
            continue;
        cpu->misses++;
        cpu->walks += !is_hit(&cpu->second, number, key);
    }
}

/* Reads until the buffer is full or the file ends. Returns the bytes, or -errno. */
static ssize_t read_all(int fd, char *buffer, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t some = read(fd, buffer + done, size - done);
        if (some < 0 && errno == EINTR)
            continue;
        if (some < 0)
            return -errno;
        if (some == 0)
            break;
        done += (size_t)some;
    }
    return (ssize_t)done;
}

static int run(struct model *model, int fd)
{
    uint64_t pages[CHUNK];
    ssize_t size;
    while ((size = read_all(fd, (char *)pages, sizeof pages)) > 0)
        for (size_t i = 0; i < (size_t)size / sizeof *pages; i++)
            fetch(model, pages[i]);
    return (int)size;
}

int tlb_run(int fd, const struct tlb_page *huge, size_t count, struct tlb_count *counts)
{
    struct model *model = calloc(1, sizeof *model);
    if (!model)
        return -ENOMEM;
    model->huge = huge;
    model->count = count;
    for (int i = 0; i < TLB_CPUS; i++) {
        model->cpus[i].small.shape = shapes[i].small;
        model->cpus[i].huge.shape = shapes[i].huge;
        model->cpus[i].second.shape = shapes[i].second;
    }
    int err = run(model, fd);
    for (int i = 0; i < TLB_CPUS; i++) {
        const struct cpu *cpu = model->cpus + i;
        counts[i] = (struct tlb_count){shapes[i].name, cpu->misses, cpu->walks};
    }
    free(model);
    return err;
}
