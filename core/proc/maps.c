/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/maps.h"

#include "proc/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_TEXT 16384

/* Undoes the kernel's escapes in a path, in place: "\012" is a newline. */
static void unescape(char *path)
{
    char *to = path;
    for (char *from = path; *from; to++) {
        if (from[0] == '\\' && strncmp(from, "\\012", 4) == 0) {
            *to = '\n';
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

/* Parses a line "start-stop perms offset major:minor inode path". The line is changed in place. */
static int parse_head(char *line, struct mapping *m)
{
    char *p = line;
    m->start = strtoull(p, &p, 16);
    if (*p++ != '-')
        return -EPROTO;
    m->stop = strtoull(p, &p, 16);
    if (*p++ != ' ' || strlen(p) < 5)
        return -EPROTO;
    memcpy(m->perms, p, 4);
    p += 4;
    m->offset = strtoull(p, &p, 16);
    m->dev_major = (unsigned)strtoul(p, &p, 16);
    if (*p++ != ':')
        return -EPROTO;
    m->dev_minor = (unsigned)strtoul(p, &p, 16);
    m->inode = strtoull(p, &p, 10);
    p += strspn(p, " ");
    unescape(p);
    m->path = p;
    m->vm_flags = "";
    return 0;
}

/* Adds one line "Name:   123 kB" of smaps to `m`. Unknown names are passed over. */
static void parse_detail(char *line, struct mapping *m)
{
    static const struct {
        const char *name;
        size_t offset;
    } fields[] = {
        {"Rss", offsetof(struct mapping, rss)},
        {"Pss", offsetof(struct mapping, pss)},
        {"Private_Dirty", offsetof(struct mapping, private_dirty)},
        {"Anonymous", offsetof(struct mapping, anonymous)},
        {"Swap", offsetof(struct mapping, swap)},
        {"AnonHugePages", offsetof(struct mapping, anon_huge)},
        {"ShmemPmdMapped", offsetof(struct mapping, shmem_huge)},
        {"FilePmdMapped", offsetof(struct mapping, file_huge)},
        {"Private_Hugetlb", offsetof(struct mapping, hugetlb)},
        {"Shared_Hugetlb", offsetof(struct mapping, hugetlb)},
        {"KernelPageSize", offsetof(struct mapping, kernel_page_size)},
    };
    char *colon = strchr(line, ':');
    *colon = '\0';
    if (strcmp(line, "VmFlags") == 0) {
        m->vm_flags = colon + 1 + strspn(colon + 1, " ");
        return;
    }
    if (strcmp(line, "ProtectionKey") == 0) {
        m->protection_key = strtoull(colon + 1, NULL, 10);
        return;
    }
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (*line == *fields[i].name && strcmp(line, fields[i].name) == 0) {
            uint64_t *field = (uint64_t *)(void *)((char *)m + fields[i].offset);
            *field += strtoull(colon + 1, NULL, 10) * 1024;
            return;
        }
    }
}

/* Detail lines of smaps begin with a capital, address lines with a hexadecimal digit in lower
 * case. */
static bool is_detail(const char *line) { return line[0] >= 'A' && line[0] <= 'Z'; }

/* Appends an empty mapping. NULL: memory is short. */
static struct mapping *append(struct maps *maps, size_t *capacity)
{
    if (maps->count == *capacity) {
        size_t larger = *capacity ? *capacity * 2 : 64;
        struct mapping *list = realloc(maps->list, larger * sizeof *list);
        if (!list)
            return NULL;
        maps->list = list;
        *capacity = larger;
    }
    struct mapping *m = &maps->list[maps->count++];
    memset(m, 0, sizeof *m);
    return m;
}

/* Splits the text into mappings. The details of each stay a text of lines, in `vm_flags`. */
static int parse_heads(struct maps *maps)
{
    size_t capacity = 0;
    char *next;
    for (char *line = maps->text; *line; line = next) {
        next = strchrnul(line, '\n');
        if (is_detail(line)) {
            if (maps->count == 0)
                return -EPROTO;
            if (!*maps->list[maps->count - 1].vm_flags)
                maps->list[maps->count - 1].vm_flags = line;
            next += *next != '\0';
            continue;
        }
        if (line > maps->text)
            line[-1] = '\0'; /* the end of the details before it */
        if (*next)
            *next++ = '\0';
        struct mapping *m = append(maps, &capacity);
        int err = m ? parse_head(line, m) : -ENOMEM;
        if (err)
            return err;
    }
    maps->total = maps->count;
    return 0;
}

static int parse_details(const struct maps *maps, struct mapping *m)
{
    char *next, *line = maps->text + (m->vm_flags - maps->text);
    m->vm_flags = "";
    for (; *line; line = next) {
        next = strchrnul(line, '\n');
        if (*next)
            *next++ = '\0';
        if (!strchr(line, ':'))
            return -EPROTO;
        parse_detail(line, m);
    }
    return 0;
}

static bool is_plain(const struct mapping *m)
{
    return m->inode == 0 && !*m->path && m->perms[2] == '-' && m->perms[3] == 'p';
}

/* Puts one mapping in the place of each long run of those that are nothing but memory. */
static void join_runs(struct maps *maps)
{
    size_t kept = 0, next;
    for (size_t i = 0; i < maps->count; i = next) {
        struct mapping *list = maps->list;
        for (next = i + 1; next < maps->count && is_plain(&list[i]) && is_plain(&list[next]) &&
                           list[next - 1].stop == list[next].start;)
            next++;
        if (next - i < MAPS_RUN)
            next = i + 1;
        struct mapping last = list[next - 1];
        list[kept] = list[i];
        list[kept].stop = last.stop;
        if (next > i + 1)
            memcpy(list[kept].perms, "rw-p", 5);
        kept++;
    }
    maps->count = kept;
}

/* Looks for the first mapping that begins at `limit` or above among the lines from `*at` on, of
 * which the last may not be complete. True: it begins at `*at`. */
static bool reach(char *text, size_t *at, uint64_t limit)
{
    for (;;) {
        const char *end = strchr(text + *at, '\n');
        if (!end)
            return false;
        if (!is_detail(text + *at) && strtoull(text + *at, NULL, 16) >= limit)
            return true;
        *at = (size_t)(end + 1 - text);
    }
}

/* Reads the mappings below `limit`: the kernel makes the text as it is read. */
static int read_below(int fd, uint64_t limit, char **text)
{
    size_t used = 0, at = 0, capacity = FIRST_TEXT;
    char *buffer = malloc(capacity + 1);
    ssize_t n = 1;
    while (buffer && n != 0) {
        n = read(fd, buffer + used, capacity - used);
        if (n < 0 && errno != EINTR)
            break;
        used += n > 0 ? (size_t)n : 0;
        buffer[used] = '\0';
        if (reach(buffer, &at, limit)) {
            buffer[at] = '\0';
            n = 0;
        }
        char *larger = used == capacity ? realloc(buffer, 4 * capacity + 1) : buffer;
        if (!larger)
            free(buffer);
        capacity *= used == capacity ? 4 : 1;
        buffer = larger;
    }
    int err = !buffer ? -ENOMEM : n < 0 ? -errno : 0;
    if (err)
        free(buffer);
    *text = err ? NULL : buffer;
    return err;
}

static int read_text(pid_t pid, const char *name, uint64_t limit, char **text)
{
    size_t size;
    if (limit == UINT64_MAX)
        return process_read(pid, name, text, &size);
    int fd = process_open(pid, name, O_RDONLY | O_NONBLOCK);
    if (fd < 0)
        return fd;
    int err = read_below(fd, limit, text);
    close(fd);
    return err;
}

int maps_read_below(pid_t pid, enum maps_detail detail, uint64_t limit, struct maps *maps)
{
    bool details = (detail & MAPS_DETAILS) != 0;
    *maps = (struct maps){0};
    int err = read_text(pid, details ? "smaps" : "maps", limit, &maps->text);
    if (!err)
        err = parse_heads(maps);
    if (!err && detail & MAPS_JOINED)
        join_runs(maps);
    for (size_t i = 0; details && i < maps->count && !err; i++)
        err = parse_details(maps, &maps->list[i]);
    if (err)
        maps_free(maps);
    return err;
}

int maps_read(pid_t pid, enum maps_detail detail, struct maps *maps)
{
    return maps_read_below(pid, detail, UINT64_MAX, maps);
}

void maps_free(struct maps *maps)
{
    free(maps->list);
    free(maps->text);
    *maps = (struct maps){0};
}
