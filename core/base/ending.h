/* SPDX-License-Identifier: Apache-2.0
 * Signals that would end this process at once (SIGINT, SIGTERM, …), for one that has something to
 * put right before it ends. A signal is noted, and ends blocking system calls until the process has
 * ended. */
#ifndef TIEXEC_ENDING_H
#define TIEXEC_ENDING_H

#include <stdbool.h>

/* Begins to watch for all such signals that have their default action now. `notify` is called in
 * the handler at each of them: it may do what a handler may. Later calls do nothing. */
void ending_watch(void (*notify)(void));

/* Gives the first signal that has come, 0: none; and how many have. A SIGINT at a prompt is one
 * until ending_interrupts is called again. */
int ending_signal(void);
int ending_count(void);

/* From the first call on SIGINT does not end this process any more: it is for who types at a
 * prompt. While `on` is true it calls the function of ending_watch and ends blocking system calls,
 * until ending_interrupts is called again; else it does nothing. */
void ending_interrupts(bool on);

/* Tells whether such a SIGINT has come since. */
bool ending_interrupted(void);

/* Ends the process by the signal that has come. Returns if none has. */
void ending_finish(void);

#endif
