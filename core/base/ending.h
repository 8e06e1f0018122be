/* SPDX-License-Identifier: Apache-2.0
 * Signals that would end this process at once (SIGINT, SIGTERM, …), for one that has something to
 * put right before it ends. A signal is noted, and ends blocking system calls until the process has
 * ended. */
#ifndef TIEXEC_ENDING_H
#define TIEXEC_ENDING_H

/* Begins to watch for all such signals that have their default action now. `notify` is called in
 * the handler at each of them: it may do what a handler may. Later calls do nothing. */
void ending_watch(void (*notify)(void));

/* Gives the first signal that has come, 0: none; and how many have. */
int ending_signal(void);
int ending_count(void);

/* Ends the process by the signal that has come. Returns if none has. */
void ending_finish(void);

#endif
