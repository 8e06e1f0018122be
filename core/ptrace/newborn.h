/* SPDX-License-Identifier: Apache-2.0
 * Newborns: traced tasks that are in no table, and what their wait statuses tell.
 *
 * - One that has ended is forgotten: whoever made it was killed before it could tell.
 * - One that has stopped is kept for the event of the task that made it, or let go when nobody is
 *   left to tell of it.
 * - One that is to be let go is kept until it stops. What was taken out of a table is one, too.
 *
 * Nothing here waits: collect.h does. */
#ifndef TIEXEC_NEWBORN_H
#define TIEXEC_NEWBORN_H

#include "ptrace/inferior.h"

#define NEWBORN_ORPHAN_MS 100 /* one that nobody has told of for so long may be an orphan */

/* Takes in the wait status of a task that is in no table. */
void newborn_file(pid_t tid, int status);

/* Takes the newborn `tid` out, if it is one and has stopped. */
bool newborn_take(pid_t tid, int *status);

/* Lets go of a task if it has stopped, else as soon as it stops; what it has just made is let go,
 * too. Does nothing if it is not traced. */
void newborn_let_go(pid_t tid);

/* Lets go of a task that was taken out of its table, as soon as it stops. `status` is what has been
 * kept of it (tracee_keep_status), or 0. */
void newborn_leave(pid_t tid, int status);

/* The same for a thread that runs. It waits in vfork for `child`, if that is not 0. `armed`: it may
 * have debug registers, which are cleared. */
void newborn_leave_waiting(pid_t tid, pid_t child, bool armed);

/* Lets go of those of which nobody will tell any more. */
void newborn_let_orphans_go(void);

/* Tell whether there is any; whether `tid` is one, stopped or not; and whether any is to be let go
 * that does not wait for an inferior. */
bool newborn_is_any(void);
bool newborn_is_waited_for(pid_t tid);
bool newborn_is_any_due(void);

/* Lists processes that `parent` has made, that are traced, and belong to no inferior: the caller
 * frees the list. 0 or -errno. */
int newborn_untold(pid_t parent, pid_t **list, size_t *count);

/* Tells whether `tid` is one that was to be let go and has not stopped yet. Then it is that no
 * longer: it is traced, and the caller's. What newborn_leave_waiting was told of it is given. */
bool newborn_reclaim(pid_t tid, pid_t *child, bool *armed);

#endif
