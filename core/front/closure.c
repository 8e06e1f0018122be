/* SPDX-License-Identifier: Apache-2.0 */
#include "front/closure.h"

#include "arch.h"
#include "front/bytes.h"
#include "front/library_cache.h"
#include "front/outline.h"
#include "front/system.h"
#include "front/telling.h"

#include <limits.h>

#define SCRIPTS     4   /* whose interpreter is a script: the kernel takes no more */
#define SCRIPT_LINE 256 /* what the kernel reads of it */

/* The names of libraries that were met, in that order. */
struct names {
    size_t count, used;
    bool may_change; /* one of those that were judged */
    bool only_text;  /* whether one may change is not asked */
    const char *list[CLOSURE_LIBRARIES];
    char text[CLOSURE_LIBRARIES * 64];
};

static bool has_name(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (bytes_same(names->list[i], name))
            return true;
    return false;
}

/* Adds what a file needs. Returns false where there is no room, or where the dynamic linker would
 * not look into its list: for a path. */
static bool add_names(struct names *names, const struct outline *outline)
{
    for (size_t at = 0; at < outline->names_size;) {
        const char *name = outline->names + at;
        size_t length = bytes_length(name, PATH_MAX), size = length + 1;
        bool is_path = !length || bytes_until(name, '/', '/') < length;
        at += size;
        if (has_name(names, name))
            continue;
        if (is_path || names->count == CLOSURE_LIBRARIES ||
            size > sizeof names->text - names->used)
            return false;
        names->list[names->count++] = names->text + names->used;
        bytes_copy(names->text + names->used, name, size);
        names->used += size;
    }
    return true;
}

/* The C library has the functions that others call; the dynamic linker does not count at all. */
static bool is_c_library(const char *path)
{
    static const char *const names[] = {"libc.so.6", "libdl.so.2", "libpthread.so.0"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (bytes_end(path, names[i]))
            return true;
    return false;
}

/* Judges what was read of a file, and adds what the file needs. */
static enum closure_verdict judge(const struct outline *outline, const struct closure_rules *rules,
                                  struct names *names, bool program)
{
    if (outline->has_search || outline_may_gain(outline, rules->huge, rules->page, program) ||
        !add_names(names, outline))
        return CLOSURE_MAYBE;
    return CLOSURE_NOTHING;
}

static int outline_of(int fd, bool only_text, struct outline *outline)
{
    return only_text ? outline_read_needs(fd, outline) : outline_read(fd, outline);
}

static enum closure_verdict judge_library(const char *path, const struct closure_rules *rules,
                                          struct names *names)
{
    struct outline outline;
    int fd = system_open(path);
    int err = fd < 0 ? fd : outline_of(fd, names->only_text, &outline);
    if (fd >= 0)
        system_close(fd);
    names->may_change |= !err && outline.may_change && !is_c_library(path);
    return err ? CLOSURE_MAYBE : judge(&outline, rules, names, false);
}

/* Judges all libraries that have a name. At least one must be in the list. */
static enum closure_verdict judge_name(const char *name, const struct library_cache *cache,
                                       const struct closure_rules *rules, struct names *names)
{
    uint32_t at = 0;
    const char *path;
    enum closure_verdict verdict = CLOSURE_MAYBE;
    while ((path = library_cache_find(cache, name, &at))) {
        verdict = judge_library(path, rules, names);
        if (verdict != CLOSURE_NOTHING)
            break;
    }
    return verdict;
}

/* Judges the dynamic linker, which is a library of the program's, too, and then all that is needed.
 * Another linker than the usual one, or the same at another place, has rules of its own. */
static enum closure_verdict judge_names(const char *linker, const struct closure_rules *rules,
                                        struct names *names)
{
    struct library_cache cache;
    bool may_change = names->may_change;
    if (!bytes_same(linker, ARCH_DYNAMIC_LINKER) ||
        judge_library(linker, rules, names) != CLOSURE_NOTHING ||
        library_cache_open(rules->cache, &cache))
        return CLOSURE_MAYBE;
    enum closure_verdict verdict = CLOSURE_NOTHING;
    names->may_change = may_change; /* whatever the linker has */
    for (size_t i = 0; verdict == CLOSURE_NOTHING && i < names->count; i++)
        if (!bytes_end(linker, names->list[i]))
            verdict = judge_name(names->list[i], &cache, rules, names);
    library_cache_close(&cache);
    return verdict;
}

/* Reads the path of a script's interpreter. Returns false if the file is no script. */
static bool read_interpreter(int fd, char line[SCRIPT_LINE])
{
    long got = system_read_at(fd, line, SCRIPT_LINE - 1, 0);
    size_t start = 2;
    line[got > 0 ? got : 0] = '\0';
    if (!bytes_begin(line, "#!"))
        return false;
    while (line[start] == ' ' || line[start] == '\t') /* NOLINT: the kernel has written it */
        start++;
    size_t length = 0;
    while (line[start + length] && line[start + length] != '\n' && line[start + length] != ' ' &&
           line[start + length] != '\t')
        length++;
    bool is_whole = line[start] == '/' && line[start + length] != '\0';
    for (size_t i = 0; i < length; i++)
        line[i] = line[start + i];
    line[length] = '\0';
    return is_whole;
}

/* Tells whether execve may give a file other rights than the caller's. */
static bool is_privileged(int fd)
{
    struct stat st;
    st.st_mode = 0;
    return system_stat_open(fd, &st) < 0 || st.st_mode & (S_ISUID | S_ISGID) ||
           system_call(SYS_fgetxattr, fd, (long)"security.capability", 0, 0) > 0;
}

/* Reads an open file. Of a script the path of its interpreter is put into `line`, and the result is
 * -ENOEXEC. Returns 0 or -errno. */
static int read_file(int fd, bool only_text, struct outline *outline, char line[SCRIPT_LINE])
{
    if (is_privileged(fd))
        return -EPERM;
    int err = outline_of(fd, only_text, outline);
    return err != -ENOEXEC || read_interpreter(fd, line) ? err : -EINVAL;
}

/* Reads the program that a file is, or the one that its interpreter is. Returns 0 or -errno. */
static int read_program(const char *path, bool only_text, struct outline *outline)
{
    char line[SCRIPT_LINE];
    int err = -ENOEXEC;
    for (int i = 0; err == -ENOEXEC && i <= SCRIPTS; i++) {
        int fd = system_open(path);
        if (fd < 0)
            return fd;
        err = read_file(fd, only_text, outline, line);
        system_close(fd);
        path = line;
    }
    return err;
}

enum closure_verdict closure_judge(const char *path, const struct closure_rules *rules)
{
    struct outline outline;
    struct names names;
    names.count = names.used = 0; /* the rest is left alone: it is several pages */
    names.only_text = false;
    if (read_program(path, false, &outline))
        return CLOSURE_OTHER;
    names.may_change = outline.may_change || telling_is_linker(path);
    enum closure_verdict verdict = judge(&outline, rules, &names, true);
    if (verdict == CLOSURE_NOTHING && outline.interpreter[0])
        verdict = judge_names(outline.interpreter, rules, &names);
    else if (names.count) /* some map their libraries themselves */
        verdict = CLOSURE_MAYBE;
    return verdict == CLOSURE_NOTHING && names.may_change ? CLOSURE_LATER : verdict;
}

bool closure_libraries_may_gain(const char *path, const struct closure_rules *rules)
{
    struct outline outline;
    struct names names;
    names.count = names.used = 0;
    names.may_change = false;
    names.only_text = true;
    return read_program(path, true, &outline) || outline.has_search || !outline.interpreter[0] ||
           !add_names(&names, &outline) ||
           judge_names(outline.interpreter, rules, &names) != CLOSURE_NOTHING;
}
