/* SPDX-License-Identifier: Apache-2.0
 * One run of tiexec and of the program: starts them, lets things happen, and ends them. */
#ifndef TESTS_RUN_H
#define TESTS_RUN_H

#include "faults.h"
#include "talk.h"

/* What is going on in one run. */
struct run {
    const struct way *way;
    struct strike strike;
    struct talk talk;
    int input, output, errors, children; /* descriptors */
    char out[8192];
    size_t out_size;
    bool out_ended, target_ended, tracer_ended;
    int status; /* of the target */
    double deadline;
    struct look before;
};

/* The words of both lists, behind each other; either may be NULL. Valid until the next call. */
char **run_words(char **one, char **other);

/* Starts a process. Its input and output are pipes of the run, or, without `is_target`, nothing.
 * `wait_for_go`: it executes nothing before *go is closed. */
pid_t run_start(struct run *run, char **words, bool is_target, bool wait_for_go, int *go);

/* Whether tiexec attaches to a program that runs already. */
bool run_attaches(const struct run *run);

/* Whether it then leaves alone how signals stop the program; gdb is asked about them. */
bool run_keeps_stops(const struct run *run);

/* Lets things happen for a moment. false: the time is over. So it is with those below. */
bool run_step(struct run *run);

/* Waits until tiexec has ended or is at rest; until the program is ready; after telling the program
 * to end, until it and all others have ended. */
bool run_settle(struct run *run);
bool run_becomes_ready(struct run *run);
bool run_finish(struct run *run);

/* Ends all processes that are left. */
void run_kill_all(void);

#endif
