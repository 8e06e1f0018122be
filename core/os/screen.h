/* SPDX-License-Identifier: Apache-2.0
 * A terminal as a screen that is drawn again and again, and keys that are read one by one.
 *
 * A child of this process, the keeper, puts the terminal back when this process has ended, whatever
 * has ended it: it waits for the end of a pipe that this process alone holds open. */
#ifndef TIEXEC_SCREEN_H
#define TIEXEC_SCREEN_H

#include <sys/types.h>
#include <termios.h>

struct screen {
    int in, out; /* the terminal: where keys come from, and what is written goes to */
    int alive;   /* the pipe's end; -1: the screen is closed */
    pid_t keeper;
    struct termios before;
};

/* Takes a terminal: keys come one by one, without an echo, ^C and ^Z as any other, and another
 * screen is shown. Returns 0, and the caller calls screen_close; or -errno. -ENOTTY: one of the
 * descriptors is no terminal. */
int screen_open(struct screen *screen, int in, int out);

/* Gives how many rows and columns the terminal has now; 24 and 80 where it does not tell. */
void screen_size(const struct screen *screen, int *rows, int *columns);

/* Waits for a key, for `timeout` milliseconds. Returns its first byte; -ETIMEDOUT; -EPIPE: the
 * terminal is gone; or another -errno. */
int screen_key(const struct screen *screen, int timeout);

/* Puts the terminal back, with what it showed before. */
void screen_close(struct screen *screen);

#endif
