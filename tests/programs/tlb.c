/* SPDX-License-Identifier: Apache-2.0
 * A model of instruction TLBs: how often they miss for the pages in a trace.
 *   tlb TRACE PLAN...
 * TRACE is what tests/programs/fetches.c writes. A line of PLAN is a huge page: two hexadecimal numbers of pages of
 * 4 KiB, the first one and the one behind the last, in the order of the addresses; all else is on small pages. Prints a
 * line for each PLAN and CPU: both, and how often the first level and the second one have missed.
 *
 * Entries are replaced least recently used first. A set is chosen by the low bits of the page's number. The second
 * level has what the first one has. What data take of a second level that they share is not in the trace. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 2048, HUGE_PAGES = 4096, CHUNK = 1 << 16 };

struct level {
    unsigned entries, ways; /* 0: there is none */
    uint64_t keys[LARGEST]; /* set by set, in each the last used first; 0: free */
};

/* The sources of these figures are in tests/bench/model.lua. */
struct cpu {
    const char *name;
    struct level small, huge, second; /* huge: if huge pages have a first level of their own */
    uint64_t misses, walks;
};
static const struct cpu cpus[] = {
    {.name = "zen3", .small = {64, 64, {0}}, .second = {512, 8, {0}}},
    {.name = "skylake", .small = {128, 8, {0}}, .huge = {8, 8, {0}}, .second = {1536, 12, {0}}},
    {.name = "neoverse-n1", .small = {48, 48, {0}}, .second = {1280, 5, {0}}},
};
enum { CPUS = sizeof cpus / sizeof *cpus };

struct plan {
    const char *name;
    unsigned count;
    uint64_t first[HUGE_PAGES], behind[HUGE_PAGES], last_key;
    struct cpu cpus[CPUS];
};

/* Looks for a page, and puts it first in its set. `key` is not 0. */
static int is_hit(struct level *level, uint64_t page, uint64_t key)
{
    uint64_t *set = level->keys + page % (level->entries / level->ways) * level->ways;
    unsigned at = 0;
    while (at + 1 < level->ways && set[at] != key)
        at++;
    int hit = set[at] == key;
    memmove(set + 1, set, at * sizeof *set);
    set[0] = key;
    return hit;
}

/* The place of the huge page that a small page lies in, or -1. */
static int find(const struct plan *plan, uint64_t page)
{
    unsigned low = 0, high = plan->count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (page < plan->first[middle])
            high = middle;
        else if (page >= plan->behind[middle])
            low = middle + 1;
        else
            return (int)middle;
    }
    return -1;
}

static void fetch(struct plan *plan, uint64_t page)
{
    int at = find(plan, page);
    uint64_t number = at < 0 ? page : (uint64_t)at + 1, key = number << 1 | (at >= 0);
    if (key == plan->last_key)
        return;
    plan->last_key = key;
    for (struct cpu *cpu = plan->cpus; cpu < plan->cpus + CPUS; cpu++) {
        struct level *first = at >= 0 && cpu->huge.entries ? &cpu->huge : &cpu->small;
        if (is_hit(first, number, key))
            continue;
        cpu->misses++;
        cpu->walks += !is_hit(&cpu->second, number, key);
    }
}

static FILE *open_file(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        exit(1);
    }
    return file;
}

static struct plan *read_plan(const char *path)
{
    FILE *file = open_file(path);
    struct plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        exit(1);
    plan->name = path;
    memcpy(plan->cpus, cpus, sizeof cpus);
    while (plan->count < HUGE_PAGES &&
           fscanf(file, "%lx %lx", &plan->first[plan->count], &plan->behind[plan->count]) == 2)
        plan->count++;
    if (!feof(file)) {
        fprintf(stderr, "%s: line %u is no huge page\n", path, plan->count + 1);
        exit(1);
    }
    fclose(file);
    return plan;
}

int main(int argc, char **argv)
{
    static uint64_t pages[CHUNK];
    if (argc < 3)
        return 2;
    FILE *trace = open_file(argv[1]);
    size_t count, plans = (size_t)argc - 2;
    struct plan **plan = calloc(plans, sizeof *plan);
    for (size_t i = 0; i < plans; i++)
        plan[i] = read_plan(argv[i + 2]);
    while ((count = fread(pages, sizeof *pages, CHUNK, trace)) > 0)
        for (size_t i = 0; i < plans; i++)
            for (size_t j = 0; j < count; j++)
                fetch(plan[i], pages[j]);
    for (size_t i = 0; i < plans; i++)
        for (const struct cpu *cpu = plan[i]->cpus; cpu < plan[i]->cpus + CPUS; cpu++)
            printf("%s %s %lu %lu\n", plan[i]->name, cpu->name, cpu->misses, cpu->walks);
    return 0;
}
