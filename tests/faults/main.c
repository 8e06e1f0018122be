/* SPDX-License-Identifier: Apache-2.0
 *   faults start|launch|follow|attach|undo|serve FAULT FIRST STEP LAST TIEXEC… -- PROGRAM…
 * Strikes call FIRST of tiexec, FIRST + STEP, and so on up to LAST, or with LAST = 0 until there is
 * no such call. Lines "N CALL CALLS FATE why": the number of the call; the system call, or "none";
 * how many calls were counted; right, gone, leftover, wrong or hung. FAULTS_LABEL is a word to
 * begin each line with, FAULTS_EMPTY a folder to empty before each run, FAULTS_INPUT what gdb says
 * to "serve", FAULTS_LIMIT the seconds for a run. */
#include "faults.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct fault faults[] = {
    {"EPERM", FAULT_ERROR, EPERM},
    {"ENOMEM", FAULT_ERROR, ENOMEM},
    {"EINTR", FAULT_ERROR, EINTR},
    {"ESRCH", FAULT_ERROR, ESRCH},
    {"no-ptrace", FAULT_LASTING, EPERM},
    {"short", FAULT_SHORT, 0},
    {"SIGKILL", FAULT_SIGNAL_TRACER, SIGKILL},
    {"SIGSTOP", FAULT_SIGNAL_TRACER, SIGSTOP},
    {"SIGKILL-program", FAULT_SIGNAL_TARGET, SIGKILL},
    {"SIGSTOP-program", FAULT_SIGNAL_TARGET, SIGSTOP},
};

static const struct fault *find_fault(const char *name)
{
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        if (strcmp(faults[i].name, name) == 0)
            return &faults[i];
    return NULL;
}

static int find_kind(const char *name)
{
    static const char *const names[] = {"start", "launch", "follow", "attach", "undo", "serve"};
    for (int i = 0; i < 6; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

int main(int argc, char **argv)
{
    struct way way = {.empty = getenv("FAULTS_EMPTY"), .input = getenv("FAULTS_INPUT"), .limit = 10};
    int kind = argc > 7 ? find_kind(argv[1]) : -1, at = 6;
    const struct fault *fault = argc > 7 ? find_fault(argv[2]) : NULL;
    while (at < argc && strcmp(argv[at], "--") != 0)
        at++;
    if (kind < 0 || !fault || at >= argc - 1) {
        fprintf(stderr, "usage: faults WAY FAULT FIRST STEP LAST TIEXEC... -- PROGRAM...\n");
        return 2;
    }
    argv[at] = NULL;
    way.kind = (enum kind)kind;
    way.tiexec = &argv[6];
    way.program = &argv[at + 1];
    if (getenv("FAULTS_LIMIT"))
        way.limit = atof(getenv("FAULTS_LIMIT"));
    return campaign_run(&way, fault, atol(argv[3]), atol(argv[4]), atol(argv[5]));
}
