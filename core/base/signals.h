/* SPDX-License-Identifier: Apache-2.0
 * Signals that this process would bring upon itself by writing: SIGPIPE, where nobody reads any
 * more; SIGXFSZ, beyond RLIMIT_FSIZE; SIGTTOU, on the terminal of another process group. And
 * SIGXCPU, which the kernel repeats after a second. */
#ifndef TIEXEC_SIGNALS_H
#define TIEXEC_SIGNALS_H

#include <signal.h>

struct signals {
    sigset_t mask, pending; /* as they were */
};

/* Blocks those signals in this thread. They are not ignored, since a program that this process
 * becomes would inherit that. */
void signals_hold(struct signals *before);

/* Takes away those that have come since, and unblocks what was not blocked before. */
void signals_release(const struct signals *before);

#endif
