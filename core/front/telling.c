/* SPDX-License-Identifier: Apache-2.0 */
#include "front/telling.h"

#include "front/bytes.h"
#include "front/system.h"

#include <limits.h>

#define FIRST_LINE 256 /* what the kernel reads of a script */
#define MOST_WORDS 16  /* of it that are looked at */

/* Of some the first plain word is CMD, if no option stands before it. */
static const struct program {
    const char *name;
    bool is_shell, names_first;
} programs[] = {
    {"sh", true, false},         {"dash", true, false},        {"bash", true, false},
    {"zsh", true, false},        {"ksh", true, false},         {"mksh", true, false},
    {"busybox", true, false},    {"fish", true, false},        {"env", false, true},
    {"nohup", false, true},      {"setsid", false, true},      {"nice", false, true},
    {"ionice", false, true},     {"sudo", false, true},        {"doas", false, true},
    {"tini", false, true},       {"dumb-init", false, true},   {"catatonit", false, true},
    {"stdbuf", false, true},     {"unbuffer", false, true},    {"setpriv", false, true},
    {"unshare", false, true},    {"nsenter", false, true},     {"numactl", false, true},
    {"prlimit", false, false},   {"timeout", false, false},    {"taskset", false, false},
    {"chrt", false, false},      {"chroot", false, false},     {"setarch", false, false},
    {"linux64", false, true},    {"flock", false, false},      {"su", false, false},
    {"runuser", false, false},   {"gosu", false, false},       {"su-exec", false, false},
    {"time", false, true},       {"xargs", false, true},       {"start-stop-daemon", false, false},
};

static const char *basename_of(const char *path)
{
    const char *name = path;
    for (; *path; path++)
        if (*path == '/')
            name = path + 1;
    return name;
}

static const struct program *find(const char *path)
{
    const char *name = basename_of(path);
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
        if (bytes_same(programs[i].name, name))
            return &programs[i];
    return NULL;
}

/* ld-linux-x86-64.so.2, ld-2.31.so, ld.so, ld-musl-x86_64.so.1 */
bool telling_is_linker(const char *path)
{
    const char *name = basename_of(path);
    if (!bytes_begin(name, "ld") || (name[2] != '-' && name[2] != '.'))
        return false;
    while (*name && !bytes_begin(name, ".so"))
        name++;
    return *name && (!name[3] || name[3] == '.');
}

/* A name that would be shown otherwise than it is counts as none. */
static void keep_name(const char *path, char runs[TELLING_NAME])
{
    const char *name = basename_of(path);
    size_t length = bytes_length(name, TELLING_NAME), used = 0;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] <= ' ' || (unsigned char)name[i] >= 127)
            length = 0;
    if (!bytes_append(runs, TELLING_NAME, &used, name, length))
        runs[0] = '\0';
}

static bool is_assignment(const char *word) { return word[bytes_until(word, '=', '=')] == '='; }

/* Names what a launcher runs, of the words behind its own name. */
static void name_of_launched(const struct program *launcher, char *const *words,
                             char runs[TELLING_NAME])
{
    bool is_env = bytes_same(launcher->name, "env"), may_be = launcher->names_first;
    for (; may_be && *words; words++) {
        const char *word = *words;
        bool is_harmless = bytes_same(word, "--") ||
                           (is_env && (bytes_same(word, "-S") || bytes_same(word, "-i") ||
                                       bytes_same(word, "-") || bytes_same(word, "-v")));
        if (is_harmless || (is_assignment(word) && word[0] != '-'))
            continue;
        if (word[0] != '-')
            keep_name(word, runs);
        return;
    }
}

/* Cuts a script's first line into words. Returns how many there are, without the final NULL. */
static size_t split_line(char *line, char *words[MOST_WORDS + 1])
{
    size_t count = 0;
    char *at = line + 2;
    while (count < MOST_WORDS) {
        while (*at == ' ' || *at == '\t')
            at++;
        if (!*at || *at == '\n')
            break;
        words[count++] = at;
        while (*at && *at != ' ' && *at != '\t' && *at != '\n')
            at++;
        if (!*at || *at == '\n') {
            *at = '\0';
            break;
        }
        *at++ = '\0';
    }
    words[count] = NULL;
    return count;
}

/* Tells whether a file is a script, and names what runs it: of env that is what env runs. */
static bool is_script(const char *path, char runs[TELLING_NAME])
{
    char line[FIRST_LINE], *words[MOST_WORDS + 1];
    line[0] = '\0';
    int fd = system_open(path);
    if (fd < 0)
        return false;
    long got = system_read_at(fd, line, sizeof line - 1, 0);
    system_close(fd);
    line[got > 0 ? got : 0] = '\0';
    if (!bytes_begin(line, "#!") || !split_line(line, words))
        return false;
    const struct program *first = find(words[0]);
    if (first && !first->is_shell)
        name_of_launched(first, words + 1, runs);
    if (!runs[0])
        keep_name(words[0], runs);
    return true;
}

enum telling_kind telling_kind(const char *path, char *const *argv, char runs[TELLING_NAME])
{
    runs[0] = '\0';
    if (is_script(path, runs))
        return TELLING_SCRIPT;
    if (telling_is_linker(path))
        return TELLING_LINKER;
    const struct program *known = find(path);
    if (!known)
        return TELLING_PROGRAM;
    if (known->is_shell)
        return TELLING_SHELL;
    if (argv[0])
        name_of_launched(known, argv + 1, runs);
    return TELLING_LAUNCHER;
}

static void add(char line[TELLING_LINE], size_t *used, const char *text)
{
    bytes_add(line, TELLING_LINE, used, text);
}

size_t telling_line(char line[TELLING_LINE], enum telling_kind kind, const char *runs,
                    enum telling_care care, const char *why)
{
    static const char *const kinds[] = {
        [TELLING_PROGRAM] = "it has nothing to gain itself",
        [TELLING_SHELL] = "it has nothing to gain itself",
        [TELLING_SCRIPT] = "a script",
        [TELLING_LAUNCHER] = "a launcher",
        [TELLING_LINKER] = "a dynamic linker",
    };
    size_t used = 0;
    add(line, &used, kinds[kind]);
    add(line, &used, care == TELLING_WATCHED  ? "; watching what it becomes"
                     : care == TELLING_TRACED ? "; tracing what it becomes"
                                              : "; what it becomes");
    if (runs[0]) {
        add(line, &used, " (");
        add(line, &used, runs);
        add(line, &used, ")");
    }
    add(line, &used, care == TELLING_WATCHED  ? ", starts and loads"
                     : care == TELLING_TRACED ? " and starts, until that has its huge pages"
                                              : ", starts and loads stays on small pages: ");
    if (care == TELLING_UNWATCHED && why)
        add(line, &used, why);
    return used;
}
