/* SPDX-License-Identifier: Apache-2.0 */
#include "base/line.h"

#include "base/ending.h"
#include "base/library.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define CTRL_C 3
#define CTRL_Z 26

/* ---- libreadline: what is used of <readline/readline.h> and <readline/history.h> ---- */

typedef int command_function(int count, int key);
typedef char *generator_function(const char *text, int state);

static struct {
    char *(*readline)(const char *prompt);
    int (*initialize)(void);
    int (*bind_key)(int key, command_function *);
    void (*prepare_terminal)(int meta);
    void (*replace_line)(const char *text, int clear_undo);
    int (*forced_update)(void);
    char **(*matches)(const char *text, generator_function *);
    void (*add_history)(const char *line);
    void (*stifle_history)(int most);
    int (*read_history)(const char *path);
    int (*write_history)(const char *path);
    const char **name, **breaks;
    int *catches_signals, *done, *completion_over, *appended;
    int (**getc)(FILE *);
    void (**prepare)(int meta);
    void (**restore)(void);
    char **(**complete)(const char *text, int start, int stop);
    char **buffer;
} rl;

static int bind_library(void)
{
    const struct library_function functions[] = {
        {"readline", &rl.readline},
        {"rl_initialize", &rl.initialize},
        {"rl_bind_key", &rl.bind_key},
        {"rl_prep_terminal", &rl.prepare_terminal},
        {"rl_replace_line", &rl.replace_line},
        {"rl_forced_update_display", &rl.forced_update},
        {"rl_completion_matches", &rl.matches},
        {"add_history", &rl.add_history},
        {"stifle_history", &rl.stifle_history},
        {"read_history", &rl.read_history},
        {"write_history", &rl.write_history},
        {"rl_readline_name", &rl.name},
        {"rl_completer_word_break_characters", &rl.breaks},
        {"rl_catch_signals", &rl.catches_signals},
        {"rl_done", &rl.done},
        {"rl_attempted_completion_over", &rl.completion_over},
        {"rl_completion_append_character", &rl.appended},
        {"rl_getc_function", &rl.getc},
        {"rl_prep_term_function", &rl.prepare},
        {"rl_deprep_term_function", &rl.restore},
        {"rl_attempted_completion_function", &rl.complete},
        {"rl_line_buffer", &rl.buffer},
    };
    return library_bind("libreadline.so.8", functions, sizeof functions / sizeof functions[0]);
}

/* ---- keys and signals ---- */

static bool cleared; /* ^C was typed */

/* As the library does it, but keys send no signals: a program that is being debugged would get
 * them, too. */
static void prepare_terminal(int meta)
{
    struct termios mode;
    rl.prepare_terminal(meta);
    if (tcgetattr(STDIN_FILENO, &mode) < 0)
        return;
    mode.c_lflag &= ~(tcflag_t)ISIG;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &mode);
}

static int on_clear(int count, int key)
{
    (void)count;
    (void)key;
    cleared = true;
    fputs("^C", stdout);
    rl.replace_line("", 1);
    *rl.done = 1;
    return 0;
}

static int on_suspend(int count, int key)
{
    (void)count;
    (void)key;
    (*rl.restore)();
    raise(SIGTSTP);
    prepare_terminal(1);
    return rl.forced_update();
}

/* A signal that ends this process ends the line, too. */
static int get_key(FILE *file)
{
    unsigned char key;
    for (;;) {
        ssize_t size = ending_signal() ? 0 : read(fileno(file), &key, 1);
        if (size == 1)
            return key;
        if (size == 0 || errno != EINTR)
            return EOF;
    }
}

/* ---- completion ---- */

static const struct line_completer *completing;
static size_t word_start, word_stop, candidate;

static char *next_match(const char *text, int state)
{
    (void)text;
    candidate = state ? candidate + 1 : 0;
    const char *found =
        completing->next(completing->context, *rl.buffer, word_start, word_stop, candidate);
    return found ? strdup(found) : NULL;
}

static char **complete(const char *text, int start, int stop)
{
    *rl.completion_over = 1; /* no names of files instead */
    *rl.appended = '\0';
    word_start = (size_t)start;
    word_stop = (size_t)stop;
    return completing ? rl.matches(text, next_match) : NULL;
}

/* ---- lines ---- */

int line_open(void)
{
    static bool is_open;
    int err = is_open ? 0 : bind_library();
    if (err || is_open)
        return err;
    is_open = true;
    *rl.name = "tiexec";
    *rl.catches_signals = 0;
    *rl.breaks = " \t\n\"'`@$><=;|&{}()[]+-*/%^#~,";
    *rl.getc = get_key;
    *rl.prepare = prepare_terminal;
    *rl.complete = complete;
    rl.initialize();
    rl.bind_key(CTRL_C, on_clear);
    rl.bind_key(CTRL_Z, on_suspend);
    return 0;
}

int line_read(const char *prompt, const struct line_completer *completer, char **line)
{
    completing = completer;
    cleared = false;
    *line = rl.readline(prompt);
    if (*line && !cleared && !ending_signal())
        return 0;
    bool is_over = !*line || !cleared;
    free(*line);
    *line = NULL;
    return is_over ? -ENODATA : -EINTR;
}

void line_remember(const char *line) { rl.add_history(line); }

void line_load(const char *path, int most)
{
    rl.stifle_history(most);
    rl.read_history(path);
}

/* Makes the folders that a file is in. */
static int make_folders(const char *path)
{
    char *copy = strdup(path);
    int err = copy ? 0 : -ENOMEM;
    for (char *at = copy; !err && (at = strchr(at + 1, '/'));) {
        *at = '\0';
        if (mkdir(copy, 0700) < 0 && errno != EEXIST)
            err = -errno;
        *at = '/';
    }
    free(copy);
    return err;
}

int line_save(const char *path)
{
    int err = make_folders(path);
    if (err)
        return err;
    mode_t before = umask(0077);
    err = rl.write_history(path);
    umask(before);
    return -err;
}
