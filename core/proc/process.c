/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/process.h"

#include "base/file.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void set_path(char path[64], pid_t pid, const char *name)
{
    snprintf(path, 64, "/proc/%d/%s", (int)pid, name);
}

#define PF_IO_WORKER   0x10 /* in the flags of /proc/PID/stat: <linux/sched.h> */
#define PF_USER_WORKER 0x4000

/* Reads the state letter and the flags of a thread. /proc/TID/stat would add up the times of all
 * threads of its process. */
static int read_state(pid_t tid, char *state, unsigned long *flags)
{
    char path[64], *text;
    size_t size;
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)tid, (int)tid);
    int err = file_read(path, &text, &size);
    if (err)
        return err;
    const char *at = strrchr(text, ')'); /* the name before it may hold anything */
    *state = '\0';
    if (at && at[1] == ' ')
        *state = at[2];
    for (int i = 0; i < 7 && at; i++) /* the state, and five numbers before the flags */
        at = strchr(at + 1, ' ');
    *flags = at ? strtoul(at, NULL, 10) : 0;
    free(text);
    return at ? 0 : -EPROTO;
}

bool process_is_kernel_thread(pid_t tid)
{
    char state;
    unsigned long flags;
    return read_state(tid, &state, &flags) == 0 && (flags & (PF_IO_WORKER | PF_USER_WORKER)) != 0;
}

char process_state(pid_t tid)
{
    char state;
    unsigned long flags;
    if (read_state(tid, &state, &flags))
        return 'X';
    return state;
}

static bool lives(pid_t tid)
{
    char state;
    unsigned long flags;
    return read_state(tid, &state, &flags) == 0 && state != 'Z' && state != 'X' &&
           (flags & (PF_IO_WORKER | PF_USER_WORKER)) == 0;
}

/* Tells whether a process has memory, for which its first thread must live: only then does /proc
 * know what it executes. That takes a tenth of the time that its state takes. False also where this
 * process may not look. */
static bool has_memory(pid_t pid)
{
    char path[64], first;
    set_path(path, pid, "exe");
    return readlink(path, &first, 1) > 0;
}

pid_t process_living(pid_t pid)
{
    pid_t *tids = NULL, living = 0;
    size_t count = 0;
    if (has_memory(pid) || lives(pid) || process_threads(pid, &tids, &count))
        return pid;
    for (size_t i = 0; i < count && !living; i++)
        if (lives(tids[i]))
            living = tids[i];
    free(tids);
    return living ? living : pid;
}

/* Tells whether an entry of /proc is about the memory, and so is not there for a zombie. */
static bool is_of_memory(const char *name)
{
    static const char *const names[] = {"maps", "smaps", "mem", "auxv", "pagemap"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

int process_open(pid_t pid, const char *name, int flags)
{
    char path[64];
    set_path(path, is_of_memory(name) ? process_living(pid) : pid, name);
    int fd = open(path, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Reads an entry of /proc. Only that of the mappings takes several reads. */
static int read_entry(pid_t pid, const char *name, char **data, size_t *size)
{
    char path[64];
    set_path(path, pid, name);
    bool is_long = strcmp(name, "maps") == 0 || strcmp(name, "smaps") == 0;
    return (is_long ? file_read : file_read_at_once)(path, data, size);
}

int process_read(pid_t pid, const char *name, char **data, size_t *size)
{
    int err = read_entry(pid, name, data, size);
    if (!is_of_memory(name) || (!err && *size > 0))
        return err;
    pid_t living = process_living(pid);
    if (living == pid)
        return err;
    if (!err)
        free(*data);
    *data = NULL;
    return read_entry(living, name, data, size);
}

int process_auxv(pid_t pid, struct auxv_entry **list, size_t *count)
{
    char *data;
    size_t size, n = 0;
    int err = process_read(pid, "auxv", &data, &size);
    if (err)
        return err;
    struct auxv_entry *entries = (struct auxv_entry *)(void *)data; /* malloc aligns it */
    while (n < size / sizeof *entries && entries[n].type != AT_NULL)
        n++;
    *list = entries;
    *count = n;
    return 0;
}

int process_auxv_value(pid_t pid, uint64_t type, uint64_t *value)
{
    struct auxv_entry *list;
    size_t count;
    int err = process_auxv(pid, &list, &count);
    if (err)
        return err;
    err = -ENOENT;
    for (size_t i = 0; i < count && err; i++) {
        if (list[i].type == type) {
            *value = list[i].value;
            err = 0;
        }
    }
    free(list);
    return err;
}

int process_status(pid_t pid, const char *field, int base, uint64_t *value)
{
    char *text;
    size_t size, length = strlen(field);
    int err = process_read(pid, "status", &text, &size);
    if (err)
        return err;
    err = -ENOENT;
    for (char *line = text; line && err; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, field, length) == 0 && line[length] == ':') {
            *value = strtoull(line + length + 1, NULL, base);
            err = 0;
        }
    }
    free(text);
    return err;
}

/* Reads one of the numbers in a line of /proc/PID/status. `place` counts from 0; where the line has
 * fewer numbers the last one is read. */
static int status_number(const char *text, const char *line, int place, unsigned *value)
{
    const char *at = strstr(text, line);
    if (!at)
        return -ENOENT;
    at += strlen(line);
    for (int i = 0; i <= place; i++) {
        char *end;
        unsigned long number = strtoul(at, &end, 10);
        if (end == at || memchr(at, '\n', (size_t)(end - at)))
            break;
        *value = (unsigned)number;
        at = end;
    }
    return 0;
}

int process_identity(pid_t pid, struct process_identity *identity)
{
    const int effective = 1, innermost = 1000;
    unsigned uid = 0, gid = 0, inner = (unsigned)pid;
    char *text;
    size_t size;
    int err = process_read(pid, "status", &text, &size);
    if (err)
        return err;
    err = status_number(text, "\nUid:", effective, &uid);
    if (!err)
        err = status_number(text, "\nGid:", effective, &gid);
    status_number(text, "\nNSpid:", innermost, &inner); /* absent before Linux 4.1 */
    free(text);
    *identity = (struct process_identity){.uid = uid, .gid = gid, .inner_pid = (pid_t)inner};
    return err;
}

int process_layout(pid_t pid, struct process_layout *layout)
{
    /* Places are those of proc_pid_stat(5), counted from 1. The 2nd field, the name, may hold
     * blanks. */
    const struct {
        int place;
        uint64_t *value;
    } fields[] = {
        {26, &layout->start_code}, {27, &layout->end_code},  {28, &layout->start_stack},
        {45, &layout->start_data}, {46, &layout->end_data},  {47, &layout->start_brk},
        {48, &layout->arg_start},  {49, &layout->arg_end},   {50, &layout->env_start},
        {51, &layout->env_end},
    };
    char *text;
    size_t size;
    int err = process_read(pid, "stat", &text, &size), place = 2;
    if (err)
        return err;
    char *at = strrchr(text, ')');
    for (size_t i = 0; at && i < sizeof fields / sizeof fields[0]; i++) {
        for (; at && place < fields[i].place; place++)
            at = strchr(at + 1, ' ');
        if (at)
            *fields[i].value = strtoull(at, NULL, 10);
    }
    free(text);
    return at ? 0 : -EPROTO;
}

/* Appends an id to a list that grows. 0 or -ENOMEM. */
static int append(pid_t **list, size_t *count, size_t *capacity, pid_t id)
{
    if (*count == *capacity) {
        size_t larger = *capacity ? *capacity * 2 : 16;
        pid_t *ids = realloc(*list, larger * sizeof *ids);
        if (!ids)
            return -ENOMEM;
        *list = ids;
        *capacity = larger;
    }
    (*list)[(*count)++] = id;
    return 0;
}

/* Lists the entries of a folder whose names are ids. */
static int list_ids(const char *path, pid_t **ids, size_t *count)
{
    DIR *dir = opendir(path);
    if (!dir)
        return -errno;
    size_t capacity = 0;
    int err = 0;
    *ids = NULL;
    *count = 0;
    for (struct dirent *entry; !err && (entry = readdir(dir));)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            err = append(ids, count, &capacity, (pid_t)strtol(entry->d_name, NULL, 10));
    closedir(dir);
    if (err)
        free(*ids);
    return err;
}

int process_threads(pid_t pid, pid_t **tids, size_t *count)
{
    char path[64];
    set_path(path, pid, "task");
    return list_ids(path, tids, count);
}

int process_traced_by(pid_t tracer, pid_t **pids, size_t *count)
{
    size_t kept = 0;
    int err = list_ids("/proc", pids, count);
    if (err)
        return err;
    for (size_t i = 0; i < *count; i++) {
        uint64_t its;
        if (process_status((*pids)[i], "TracerPid", 10, &its) == 0 && (pid_t)its == tracer)
            (*pids)[kept++] = (*pids)[i];
    }
    *count = kept;
    return 0;
}

int process_children(pid_t tid, pid_t **pids, size_t *count)
{
    char path[64], *text;
    size_t size, capacity = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)tid, (int)tid);
    int err = file_read(path, &text, &size);
    if (err)
        return err;
    *pids = NULL;
    *count = 0;
    for (char *at = text, *end; !err; at = end) {
        pid_t pid = (pid_t)strtol(at, &end, 10);
        if (end == at)
            break;
        err = append(pids, count, &capacity, pid);
    }
    free(text);
    if (err)
        free(*pids);
    return err;
}
