/* SPDX-License-Identifier: Apache-2.0
 * Strikes the Nth system call of tiexec, and looks at what becomes of the program. main.c reads the
 * command line, campaign.c does one run after the other and judges, run.c starts and ends one,
 * tracing.c counts and strikes the calls of tiexec under ptrace, look.c looks at the program from
 * outside. */
#ifndef TESTS_FAULTS_H
#define TESTS_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- tracing.c: tiexec, its threads and its children ---- */

enum fault_kind {
    FAULT_ERROR,
    FAULT_LASTING, /* ptrace fails, that time and ever after */
    FAULT_SHORT,
    FAULT_SIGNAL_TRACER,
    FAULT_SIGNAL_TARGET
};

struct fault {
    const char *name;
    enum fault_kind kind;
    int value; /* an errno or a signal */
};

struct strike {
    const struct fault *fault;
    long at;              /* the number of the call to strike; 0: none */
    long calls;           /* that were counted */
    long call;            /* the system call that was struck, -1: none yet */
    pid_t tracer, target; /* 0: not known yet */
    pid_t thread;         /* whose call is to fail when it returns */
    pid_t launcher;       /* is traced until it splits off its tracer, and must not see that */
    pid_t between;        /* the child by which it does so */
    pid_t early;          /* has stopped at its birth, and waits */
    bool is_loaded;       /* tiexec has been exec'd; */
    bool has_begun;       /* the launcher: its libraries have been loaded, */
    bool splits;          /* and it begins to split off its tracer */
    uint64_t buffer;      /* the launcher: where it reads to */
    double struck_at, last_event; /* seconds */
    bool listening;       /* the tracer was stopped by a signal */
};

/* Begins to trace a process, which need not be a child. 0 or -errno. */
int tracing_begin(pid_t pid);

/* Handles a stop of a traced thread. */
void tracing_handle(struct strike *strike, pid_t pid, int status);

/* ---- look.c: a process from outside ---- */

struct look {
    struct range {
        uint64_t start, stop;
    } mapped[512], text[64], frozen[256]; /* all; executable; of files and not writable */
    size_t mapped_count, text_count, frozen_count;
    uint64_t digest; /* of the bytes of `frozen` */
};

/* Takes a look at a process. 0 or -errno. */
int look_take(pid_t pid, struct look *look);

/* Tells what is wrong now, or NULL. `before` may be NULL. */
const char *look_compare(pid_t pid, const struct look *before);

/* The state of a process as in /proc/PID/stat, or 0. */
char look_state(pid_t pid);

/* Whether an address is in the process's dynamic linker. */
bool look_is_linker(pid_t pid, uint64_t address);

/* The tracer of a process, 0 for none. */
pid_t look_tracer(pid_t pid);

/* The parent of a process, 0 for none. */
pid_t look_parent(pid_t pid);

/* ---- campaign.c: runs ---- */

enum kind { KIND_START, KIND_LAUNCH, KIND_FOLLOW, KIND_ATTACH, KIND_UNDO, KIND_SERVE };

struct way {
    enum kind kind;
    char **tiexec;    /* the words before the program's, or before --attach PID */
    char **program;   /* writes "ready" when it is at work, and ends when its input does */
    const char *empty; /* a folder that is emptied before each run, or NULL */
    const char *input; /* a file of what gdb says to a server, or NULL */
    double limit;     /* seconds for a run */
};

/* Strikes call `first` and then every `step`th until there is none, or until `last`. Prints lines
 * "N CALL CALLS FATE why". Returns an exit status. */
int campaign_run(const struct way *way, const struct fault *fault, long first, long step,
                 long last);

/* Seconds of a clock that only goes on. */
double now(void);

#endif
