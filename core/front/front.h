/* SPDX-License-Identifier: Apache-2.0
 * What comes first: starting CMD at once, without Lua and without a tracer, where nothing can be
 * gained and nothing would be said; else, if that is all there is to do, splitting off the tracer.
 * In the static program this runs before the C library, whose own start takes longer than a small
 * program's whole life on many virtual machines: it asks the CPU what it is, and the hypervisor
 * answers. */
#ifndef TIEXEC_FRONT_H
#define TIEXEC_FRONT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* What the kernel has given to this process. */
struct front {
    char **argv, **environment; /* end with NULL */
    uint64_t page;              /* bytes */
    bool is_secure;             /* AT_SECURE: the environment is not this user's */
};

/* Becomes CMD if the command line is a plain one, with no option and no setting in force, and if no
 * text of CMD can be on huge pages, nor of what comes of it. Returns where anything of that is in
 * doubt, and where CMD cannot be executed: then nothing has been changed. A second call does
 * nothing. */
void front_start(const struct front *front);

/* The same before the C library's start; `stack` is what a new process finds at its stack pointer.
 * And if text of CMD may be huge, it splits off the tracer, becomes CMD, and returns in the
 * tracer. If only what comes of CMD may have such text, it is a watcher that is split off. */
void front_start_from(uint64_t *stack);

/* On the tracer's side the process that this one has seized; else 0. */
int front_tracee(void);

/* On the watcher's side the process that has become CMD; else 0. */
int front_watched(void);

/* Is told, on the tracer's side, that the process was let go: it is watched from now on. */
void front_let_go(void);

/* On the watcher's side the file that was standard error before it was left. */
const struct stat *front_error(void);

/* Whether this process was split and is traced, but could not be executed as CMD. */
bool front_is_target(void);

#endif
