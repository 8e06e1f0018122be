/* SPDX-License-Identifier: Apache-2.0
 * Lines that somebody types at a terminal, with editing, history and completion by readline
 * (libreadline.so.8), where that is installed. */
#ifndef TIEXEC_LINE_H
#define TIEXEC_LINE_H

#include <stddef.h>

/* Gives the candidates for what stands in `line` from `start` to `stop`, one after the other, and
 * then NULL; `index` counts them. They are valid until the next call. */
typedef const char *line_candidate(void *context, const char *line, size_t start, size_t stop,
                                   size_t index);

struct line_completer {
    line_candidate *next;
    void *context;
};

/* Loads the library. Returns 0, or -ELIBACC: it is not installed. What follows needs that. */
int line_open(void);

/* Reads a line, which the caller frees. Signals of the terminal's keys (^C, ^\) do not come
 * meanwhile; ^Z stops this process. 0 or -errno: -EINTR: ^C was typed; -ENODATA: there are no more
 * lines, or this process is about to end (ending.h). */
int line_read(const char *prompt, const struct line_completer *completer, char **line);

/* Adds a line to the history. */
void line_remember(const char *line);

/* Reads the history from a file, which need not be there, and keeps the last `most` lines. */
void line_load(const char *path, int most);

/* Writes the history to a file, which this user alone may read, and makes the folders that it is
 * in. 0 or -errno. */
int line_save(const char *path);

#endif
