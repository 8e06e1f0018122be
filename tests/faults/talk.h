/* SPDX-License-Identifier: Apache-2.0
 * A gdb that says what it was told to, message by message, to a server that is being struck. */
#ifndef TESTS_TALK_H
#define TESTS_TALK_H

#include <stdbool.h>

struct talk {
    int fd, server_fd; /* both ends of a stream; -1: closed */
    const char *rest;  /* of what is to be said */
    double said_at;    /* seconds */
    bool is_answered;
};

/* Begins a talk by the messages in a file, each in a line of its own. A path of NULL: there is none. */
void talk_begin(struct talk *talk, const char *path);

/* Says the next message when the last one has been answered. Whoever does not answer for some time
 * is hung up on, as gdb does. */
void talk_step(struct talk *talk);

void talk_end(struct talk *talk);

#endif
