/* SPDX-License-Identifier: Apache-2.0 */
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HUGE_PAGE UINT64_C(0x200000)

static FILE *open_entry(pid_t pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    return fopen(path, "re");
}

/* Adds a range, joined with the last one if they meet. */
static void add(struct range *list, size_t *count, size_t capacity, struct range range)
{
    if (*count && list[*count - 1].stop == range.start)
        list[*count - 1].stop = range.stop;
    else if (*count < capacity)
        list[(*count)++] = range;
}

static int read_mappings(pid_t pid, struct look *look, bool *is_written_code)
{
    char line[4500], perms[8];
    FILE *maps = open_entry(pid, "maps");
    if (!maps)
        return -errno;
    *look = (struct look){0};
    *is_written_code = false;
    while (fgets(line, sizeof line, maps)) {
        struct range range;
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &range.start, &range.stop, perms) != 3 ||
            strstr(line, "[vsyscall]") || strstr(line, "[stack]") || strstr(line, "[heap]"))
            continue;
        add(look->mapped, &look->mapped_count, 512, range);
        *is_written_code |= perms[1] == 'w' && perms[2] == 'x';
        if (perms[2] == 'x' && strchr(line, '/'))
            add(look->text, &look->text_count, 64, range);
        if (perms[0] == 'r' && perms[1] != 'w' && strchr(line, '/'))
            add(look->frozen, &look->frozen_count, 256, range);
    }
    fclose(maps);
    return 0;
}

/* A digest of the bytes of some ranges; 0 if some cannot be read. */
static uint64_t digest(pid_t pid, const struct range *list, size_t count)
{
    static uint64_t block[1 << 15];
    char path[64];
    uint64_t sum = 1469598103934665603u;
    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    int mem = open(path, O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < count && sum; i++) {
        for (uint64_t at = list[i].start; at < list[i].stop && sum;) {
            uint64_t left = list[i].stop - at;
            size_t size = left < sizeof block ? (size_t)left : sizeof block;
            if (pread(mem, block, size, (off_t)at) != (ssize_t)size)
                sum = 0;
            for (size_t k = 0; k < size / 8 && sum; k++)
                sum = ((sum ^ block[k]) * 1099511628211u) | 1;
            at += size;
        }
    }
    if (mem >= 0)
        close(mem);
    return mem < 0 ? 0 : sum;
}

int look_take(pid_t pid, struct look *look)
{
    bool is_written_code;
    int err = read_mappings(pid, look, &is_written_code);
    if (!err)
        look->digest = digest(pid, look->frozen, look->frozen_count);
    return err ? err : look->digest ? 0 : -EIO;
}

static bool is_in(const struct range *list, size_t count, uint64_t address, uint64_t round)
{
    for (size_t i = 0; i < count; i++)
        if ((list[i].start & ~(round - 1)) <= address &&
            address < ((list[i].stop + round - 1) & ~(round - 1)))
            return true;
    return false;
}

/* Whether something is mapped in `one` that is not in `other`, far from text. */
static bool has_more(const struct look *one, const struct look *other, const struct look *text)
{
    for (size_t i = 0; i < one->mapped_count; i++)
        for (uint64_t at = one->mapped[i].start; at < one->mapped[i].stop; at += 4096)
            if (!is_in(other->mapped, other->mapped_count, at, 1) &&
                !is_in(text->text, text->text_count, at, HUGE_PAGE))
                return true;
    return false;
}

const char *look_compare(pid_t pid, const struct look *before)
{
    static struct look after;
    bool is_written_code;
    if (read_mappings(pid, &after, &is_written_code))
        return "wrong its mappings cannot be read";
    if (is_written_code)
        return "wrong memory is writable and executable";
    if (!before)
        return NULL;
    if (digest(pid, before->frozen, before->frozen_count) != before->digest)
        return "wrong other bytes";
    if (has_more(&after, before, before))
        return "leftover mapping";
    return has_more(before, &after, before) ? "wrong a mapping is missing" : NULL;
}

char look_state(pid_t pid)
{
    char line[512] = "", *end;
    FILE *stat = open_entry(pid, "stat");
    if (!stat)
        return 0;
    bool ok = fgets(line, sizeof line, stat) != NULL;
    fclose(stat);
    end = strrchr(line, ')');
    return ok && end && end[1] ? end[2] : 0;
}

bool look_is_linker(pid_t pid, uint64_t address)
{
    char line[4500];
    struct range range;
    bool found = false;
    FILE *maps = open_entry(pid, "maps");
    while (maps && !found && fgets(line, sizeof line, maps))
        found = strstr(line, "/ld-") &&
                sscanf(line, "%" SCNx64 "-%" SCNx64, &range.start, &range.stop) == 2 &&
                range.start <= address && address < range.stop;
    if (maps)
        fclose(maps);
    return found;
}

/* A number from /proc/PID/status, 0 for none. */
static int status_number(pid_t pid, const char *name)
{
    char line[512];
    int number = 0;
    FILE *status = open_entry(pid, "status");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, name, strlen(name)) == 0)
            number = atoi(line + strlen(name));
    if (status)
        fclose(status);
    return number;
}

pid_t look_tracer(pid_t pid) { return status_number(pid, "TracerPid:"); }

pid_t look_parent(pid_t pid) { return status_number(pid, "PPid:"); }
