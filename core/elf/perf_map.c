/* SPDX-License-Identifier: Apache-2.0 */
#include "elf/perf_map.h"

#include "elf/symbols.h"
#include "os/trial.h"
#include "proc/process.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WRITE_MS 5000

/* ---- the lines ---- */

static size_t underscores(const char *name) { return strspn(name, "_"); }

/* Orders symbols by address. Of several names for one function, the one that perf would choose
 * comes first: a name with a size before one without, then the one with the fewest underscores in
 * front, then the longest. */
static int by_address(const void *one, const void *other, void *context)
{
    const Elf64_Sym *a = one, *b = other;
    const char *names = context, *x = names + a->st_name, *y = names + b->st_name;
    if (a->st_value != b->st_value)
        return a->st_value < b->st_value ? -1 : 1;
    if (!a->st_size != !b->st_size)
        return a->st_size ? -1 : 1;
    if (underscores(x) != underscores(y))
        return underscores(x) < underscores(y) ? -1 : 1;
    size_t m = strlen(x), n = strlen(y);
    return m != n ? (m > n ? -1 : 1) : strcmp(x, y);
}

/* The lines so far. `reserve` makes the memory large enough before lines are added. */
struct lines {
    char *data;
    size_t size;
};

enum { NUMBERS = 2 * 16 + 3 }; /* the most bytes that a line has beside the name */

static int reserve(struct lines *lines, const struct symbols *symbols)
{
    size_t more = symbols->table_size / sizeof(Elf64_Sym) * NUMBERS + symbols->names_size;
    char *larger = realloc(lines->data, lines->size + more);
    if (!larger)
        return -ENOMEM;
    lines->data = larger;
    return 0;
}

/* Writes a number and the character `end`. Gives the place after them. */
static char *put_hex(char *to, uint64_t value, char end)
{
    int shift = 60;
    while (shift > 0 && !(value >> shift))
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        *to++ = "0123456789abcdef"[value >> shift & 15];
    *to++ = end;
    return to;
}

/* Adds a line. Not with printf, which would take longer than all the rest of this file. */
static void put_function(struct lines *lines, uint64_t start, uint64_t size, const char *name)
{
    char *to = put_hex(put_hex(lines->data + lines->size, start, ' '), size, ' ');
    for (; *name; name++, to++) {
        *to = *name;
        if ((unsigned char)*name < ' ')
            *to = '?';
    }
    *to++ = '\n';
    lines->size = (size_t)(to - lines->data);
}

/* Adds the functions of one text. A symbol without a size is a label: within a function it is left
 * out, elsewhere it reaches to the next symbol. */
static void put_functions(struct lines *lines, const struct symbols *symbols,
                          const struct perf_map_text *text)
{
    Elf64_Sym *list = (Elf64_Sym *)symbols->table + 1;
    size_t count = symbols->table_size / sizeof *list - 1;
    uint64_t reached = 0;
    qsort_r(list, count, sizeof *list, by_address, symbols->names);
    for (size_t i = 0; i < count; i++) {
        uint64_t start = list[i].st_value, size = list[i].st_size;
        if ((i > 0 && start == list[i - 1].st_value) || (!size && start < reached))
            continue;
        if (!size)
            size = (i + 1 < count ? list[i + 1].st_value : text->stop - text->bias) - start;
        put_function(lines, start + text->bias, size, symbols->names + list[i].st_name);
        reached = start + size > reached ? start + size : reached;
    }
}

static int put_texts(struct lines *lines, const struct perf_map_text *texts, size_t count)
{
    int err = 0;
    for (size_t i = 0; i < count && !err; i++) {
        struct symbols symbols;
        const struct perf_map_text *text = &texts[i];
        err = symbols_read(text->path, text->start - text->bias, text->stop - text->bias, 1,
                           &symbols);
        if (err)
            break;
        err = reserve(lines, &symbols);
        if (!err)
            put_functions(lines, &symbols, text);
        symbols_free(&symbols);
    }
    return err;
}

/* ---- the file ---- */

struct job {
    int folder; /* the /tmp that the process sees */
    char name[32];
    struct lines lines;
    bool append;
    struct process_identity who;
};

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno != EINTR)
            return -errno;
        data += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* Adds the lines to the file that is there. -ENOENT: there is none, or it is not a plain file of
 * the user's own with one name. */
static int write_on(const struct job *job)
{
    struct stat st;
    int fd = openat(job->folder, job->name,
                    O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -ENOENT;
    bool own = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == job->who.uid &&
               st.st_nlink == 1;
    int err = own ? write_all(fd, job->lines.data, job->lines.size) : -ENOENT;
    close(fd);
    return err;
}

/* Writes a new file under a name that nobody can foresee, and renames it. In /tmp, which is sticky,
 * that fails with -EPERM if the name is a file of another user. */
static int write_anew(const struct job *job)
{
    char temporary[64];
    uint64_t number;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return -EIO;
    snprintf(temporary, sizeof temporary, ".%s.%" PRIx64, job->name, number);
    int fd = openat(job->folder, temporary,
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int err = write_all(fd, job->lines.data, job->lines.size);
    if (!err && fchmod(fd, 0644) < 0)
        err = -errno;
    if (close(fd) < 0 && !err)
        err = -errno;
    if (!err && renameat(job->folder, temporary, job->folder, job->name) < 0)
        err = -errno;
    if (err)
        unlinkat(job->folder, temporary, 0);
    return err;
}

/* What the forked child does: it writes the file with the rights of the process's user alone. So
 * whatever the process has made of its /tmp, nothing is written that its user could not write. The
 * exit status is an errno. */
static int write_as_user(void *context, int unused)
{
    const struct job *job = context;
    (void)unused;
    uid_t uid = job->who.uid;
    gid_t gid = job->who.gid;
    bool same = geteuid() == uid && getegid() == gid;
    if (!same && (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
                  setresuid(uid, uid, uid) < 0))
        return errno;
    int err = job->append ? write_on(job) : -ENOENT;
    return -(err == -ENOENT ? write_anew(job) : err);
}

/* Writes the file in a forked child, which gives up its rights. */
static int place(struct job *job)
{
    char *text;
    size_t size;
    int status = 0;
    int err = trial_run(write_as_user, job, WRITE_MS, &status, &text, &size);
    free(text);
    if (err)
        return err;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

int perf_map_write(pid_t pid, const struct perf_map_text *texts, size_t count, bool append,
                  pid_t *inner_pid)
{
    struct job job = {.append = append};
    int err = process_identity(pid, &job.who);
    if (err)
        return err;
    *inner_pid = job.who.inner_pid;
    snprintf(job.name, sizeof job.name, "perf-%d.map", (int)job.who.inner_pid);
    /* /tmp as the process sees it */
    job.folder = process_open(pid, "root/tmp", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (job.folder < 0)
        return job.folder;
    err = put_texts(&job.lines, texts, count);
    if (!err)
        err = place(&job);
    free(job.lines.data);
    close(job.folder);
    return err;
}
