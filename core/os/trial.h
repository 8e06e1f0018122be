/* SPDX-License-Identifier: Apache-2.0
 * A trial: code that may crash, hang or eat memory runs in a forked child, and only the child
 * suffers. */
#ifndef TIEXEC_TRIAL_H
#define TIEXEC_TRIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define TRIAL_MOST (4 << 20) /* bytes that the child may write */

/* What the child does. It writes what is to be told to the file `out`; its result is the exit
 * status. */
typedef int trial_work(void *context, int out);

/* Calls `work` in a forked child. *status is the child's wait status, *text all that it has written
 * to `out`: malloc'd, freed by the caller whatever is returned (it may be NULL after an error),
 * ending with a NUL that *size does not count. The child gives no SIGCHLD and is killed after
 * `timeout` ms. Returns 0 or -errno; -ETIMEDOUT: it was killed for that; -EFBIG: it was
 * killed because it has written more than TRIAL_MOST. */
int trial_run(trial_work *work, void *context, int timeout, int *status, char **text, size_t *size);

/* Has a copy of this process do the work, and does not wait for it. `is_apart`: in a session of its
 * own. What the copy writes is read at *in. Returns its id or -errno. It has no exit signal, so
 * that waiting for it takes __WALL. */
pid_t trial_begin(trial_work *work, void *context, bool is_apart, int *in);

#endif
