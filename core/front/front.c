/* SPDX-License-Identifier: Apache-2.0 */
#include "front/front.h"

#include "front/bytes.h"
#include "front/closure.h"
#include "front/find.h"
#include "front/later.h"
#include "front/library_cache.h"
#include "front/pages.h"
#include "front/split.h"
#include "front/system.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <unistd.h>

#define PRELOADED     "/etc/ld.so.preload"
#define STRATEGY      "/tiexec/strategies/aggressive.lua"
#define PROFILES      "/tiexec/profiles.d"
#define DEFAULTS      "/etc/tiexec/tiexec.conf"
#define ENTRIES_SIZE  1024
#define STATUS_SIZE   4096
#define LEAST_DATA    (256 << 10) /* bytes */
#define SPLIT_MS      5000 /* for the tracer to seize this process */

/* Anything but ENOENT is a file that is there, for all that is known. */
static bool exists(const char *path)
{
    return system_call(SYS_faccessat, AT_FDCWD, (long)path, F_OK, 0) != -ENOENT;
}

/* Tells whether a folder is there and has anything in it, for all that is known. */
static bool has_entries(const char *path)
{
    /* Of a struct linux_dirent64: where its size is, and where its name. */
    enum { SIZE_AT = 16, NAME_AT = 19 };
    unsigned char entries[ENTRIES_SIZE];
    entries[0] = 0;
    int fd = system_open(path);
    if (fd < 0)
        return fd != -ENOENT;
    bool found = false;
    long got;
    while ((got = system_call(SYS_getdents64, fd, (long)entries, sizeof entries, 0)) > 0 && !found)
        for (long at = 0; at + NAME_AT < got && !found;) {
            const char *name = (const char *)entries + at + NAME_AT;
            uint16_t size = 0;
            bytes_copy(&size, entries + at + SIZE_AT, sizeof size);
            found = size == 0 || !(bytes_same(name, ".") || bytes_same(name, ".."));
            at += size;
        }
    system_close(fd);
    return found || got < 0;
}

/* The value of an environment variable; `name` ends with '='. NULL: there is none. */
static const char *variable(const struct front *front, const char *name)
{
    for (char **at = front->environment; *at; at++)
        if (bytes_begin(*at, name))
            return *at + bytes_length(name, PATH_MAX);
    return NULL;
}

/* Tells whether a folder of settings may have profiles, or another strategy by the default one's
 * name (scripts/tiexec/plan/paths.lua and strategy.lua). */
static bool has_files(const char *home, const char *below)
{
    static const char *const names[] = {STRATEGY, PROFILES};
    char path[PATH_MAX];
    for (int i = 0; i < 2; i++) {
        size_t used = 0;
        if (!bytes_append(path, sizeof path, &used, home, bytes_length(home, PATH_MAX)) ||
            !bytes_append(path, sizeof path, &used, below, bytes_length(below, PATH_MAX)) ||
            !bytes_append(path, sizeof path, &used, names[i], bytes_length(names[i], PATH_MAX)) ||
            (i ? has_entries(path) : exists(path)))
            return true;
    }
    return false;
}

/* Tells whether there may be settings that are in force for CMD, or libraries that are mapped
 * beside those that it needs (LD_PRELOAD, LD_AUDIT), or other ones (LD_LIBRARY_PATH). */
static bool has_settings(const struct front *front)
{
    const char *config = variable(front, "XDG_CONFIG_HOME="), *home = variable(front, "HOME=");
    if (variable(front, "TIEXEC=") || variable(front, "LD_") || exists(PRELOADED) ||
        exists(DEFAULTS) || has_files("/etc", ""))
        return true;
    if (config && config[0] == '/')
        return has_files(config, "");
    return home && home[0] && has_files(home, "/.config");
}

/* Tells whether a text has a line: what is before a number, and the number. */
static bool has_line(const char *text, const char *name, long value)
{
    char line[64], digits[24];
    size_t used = 0, count = sizeof digits;
    do
        digits[--count] = (char)('0' + value % 10);
    while (value /= 10);
    if (!bytes_append(line, sizeof line, &used, name, bytes_length(name, sizeof line)) ||
        !bytes_append(line, sizeof line, &used, digits + count, sizeof digits - count) ||
        !bytes_append(line, sizeof line, &used, "\n", 1))
        return false;
    while (*text && !bytes_begin(text, line))
        text++;
    return *text != '\0';
}

/* What the status of this process tells: nothing, as where /proc is another namespace's; or that
 * nobody traces it; or besides that it could be traced, since no seccomp filter is in force. Why it
 * cannot is said once Lua runs. */
enum standing { UNKNOWN, UNTRACED, TRACEABLE };

static enum standing standing(void)
{
    char status[STATUS_SIZE];
    status[0] = '\0';
    int fd = system_open("/proc/self/status");
    if (fd < 0)
        return UNKNOWN;
    long size = system_read_at(fd, status, sizeof status - 1, 0);
    system_close(fd);
    status[size > 0 ? size : 0] = '\0';
    if (!has_line(status, "\nPid:\t", system_call(SYS_getpid, 0, 0, 0, 0)) ||
        !has_line(status, "\nTracerPid:\t", 0))
        return UNKNOWN;
    return has_line(status, "\nSeccomp:\t", 0) ? TRACEABLE : UNTRACED;
}

/* Gives the command line of CMD, before which "--" may stand; NULL: tiexec's begins otherwise. */
static char **command_of(char **argv)
{
    if (argv[0] && argv[1] && bytes_same(argv[1], "--"))
        return argv[2] ? argv + 2 : NULL;
    return argv[0] && argv[1] && argv[1][0] != '-' ? argv + 1 : NULL;
}

/* Tells whether a command line has CMD without options, and its environment is its user's. */
static bool has_command(const struct front *front)
{
    return command_of(front->argv) && !front->is_secure;
}

/* Tells whether nothing but CMD is asked for. Process 1 may have to become an init. */
static bool is_plain(const struct front *front)
{
    return has_command(front) && system_call(SYS_getpid, 0, 0, 0, 0) != 1 && !has_settings(front);
}

/* Tells whether this process may have less memory of its own than the C library needs to start: it
 * would be killed. With the setting strict CMD must not run all the same. */
static bool lacks_memory(const struct front *front)
{
    const char *settings = variable(front, "TIEXEC=");
    struct rlimit limit = {0, 0};
    while (settings && *settings && !bytes_begin(settings, "strict"))
        settings++;
    return !(settings && *settings) &&
           system_call(SYS_prlimit64, 0, RLIMIT_DATA, 0, (long)&limit) == 0 &&
           limit.rlim_cur < LEAST_DATA;
}

static bool is_done, is_target;
static int tracee, watched;
static struct stat error_file; /* the watcher's former standard error */

/* Files that are opened must not take the numbers of standard files. */
static bool has_standard_files(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (system_call(SYS_fcntl, fd, F_GETFD, 0, 0) < 0)
            return false;
    return true;
}

static void exec(const struct front *front, const char *path)
{
    char **command = command_of(front->argv);
    system_call(SYS_execve, (long)path, (long)command, (long)front->environment, 0);
}

static void split(const struct front *front, const char *path, bool is_watch)
{
    enum split_side side = !has_standard_files() ? SPLIT_NONE
                           : is_watch            ? split_watcher(&watched, &error_file)
                                                 : split_off(SPLIT_MS, &tracee);
    is_target = side == SPLIT_TARGET;
    if (is_target && is_watch)
        later_tell(path, command_of(front->argv), NULL);
    if (is_target)
        exec(front, path);
}

/* Starts a program that has nothing to gain itself, but may become, start or load what has. Where
 * nobody can watch that, it is started at once. */
static void start_later(const struct front *front, const char *path, bool is_filtered,
                        bool may_split)
{
    struct later_reason reason;
    if (!later_is_plain(*command_of(front->argv)))
        return; /* Lua makes it visible */
    const char *refused = later_refusal(is_filtered, &reason);
    if (refused) {
        later_tell(path, command_of(front->argv), refused);
        exec(front, path);
    } else if (may_split) {
        split(front, path, true);
    }
}

static bool find(const struct front *front, char path[PATH_MAX])
{
    return find_program(*command_of(front->argv), variable(front, "PATH="), path, PATH_MAX);
}

static void start(const struct front *front, bool may_split)
{
    char path[PATH_MAX];
    struct closure_rules rules;
    if (is_done || !is_plain(front))
        return;
    is_done = true;
    rules.cache = LIBRARY_CACHE;
    rules.page = front->page;
    rules.huge = pages_smallest(front->page);
    if (!rules.huge || !find(front, path))
        return;
    enum closure_verdict verdict = closure_judge(path, &rules);
    enum standing its = verdict == CLOSURE_OTHER ? UNKNOWN : standing();
    if (its == UNKNOWN)
        return;
    if (verdict == CLOSURE_NOTHING)
        exec(front, path);
    else if (verdict == CLOSURE_LATER)
        start_later(front, path, its == UNTRACED, may_split);
    else if (its == TRACEABLE && may_split)
        split(front, path, false);
}

static void start_without_memory(const struct front *front)
{
    char path[PATH_MAX];
    if (find(front, path))
        exec(front, path);
}

void front_start(const struct front *front) { start(front, false); }

int front_tracee(void) { return tracee; }

int front_watched(void) { return watched; }

void front_let_go(void)
{
    watched = tracee;
    tracee = 0;
}

const struct stat *front_error(void) { return &error_file; }

bool front_is_target(void) { return is_target; }

void front_start_from(uint64_t *stack)
{
    struct front front;
    front.argv = (char **)(stack + 1);
    front.environment = front.argv + stack[0] + 1;
    char **after = front.environment;
    while (*after)
        after++;
    front.page = 4096;
    front.is_secure = true;
    for (uint64_t *entry = (uint64_t *)(after + 1); entry[0] != AT_NULL; entry += 2) {
        if (entry[0] == AT_PAGESZ)
            front.page = entry[1];
        else if (entry[0] == AT_SECURE)
            front.is_secure = entry[1] != 0;
    }
    if (has_command(&front) && lacks_memory(&front))
        start_without_memory(&front);
    start(&front, true);
}
