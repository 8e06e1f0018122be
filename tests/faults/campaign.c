/* SPDX-License-Identifier: Apache-2.0 */
#include "run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATE_WAIT 2.0 /* seconds for a state to be reached */

static struct {
    char out[8192];
    size_t size;
    int status;
} expected;

static const char *name_of(long call)
{
    static const struct {
        const char *name;
        long number;
    } calls[] = {
#include "syscalls.inc"
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (calls[i].number == call)
            return calls[i].name;
    return "none";
}

static void empty(const char *folder)
{
    if (folder) {
        char command[4200];
        snprintf(command, sizeof command, "rm -f '%s'/*", folder);
        if (system(command) < 0)
            exit(2);
    }
}

static char **by_pid(const struct run *run, const char *option)
{
    static char pid[16];
    static char *words[3];
    snprintf(pid, sizeof pid, "%d", (int)run->strike.target);
    words[0] = strdup(option);
    words[1] = pid;
    words[2] = NULL;
    return run_words(run->way->tiexec, words);
}

/* Starts the program and, for an undo, has it remapped. */
static bool start_plainly(struct run *run)
{
    run->strike.target = run_start(run, run->way->program, true, false, NULL);
    if (!run_becomes_ready(run))
        return false;
    while (look_tracer(run->strike.target)) /* it may have been started by tiexec, too */
        if (!run_step(run))
            return false;
    if (look_take(run->strike.target, &run->before))
        return false;
    if (run->way->kind == KIND_UNDO) {
        run->strike.tracer = run_start(run, by_pid(run, "--attach"), false, false, NULL);
        while (!run->tracer_ended)
            if (!run_step(run))
                return false;
        run->strike.tracer = 0;
        run->tracer_ended = false;
    }
    return ftruncate(run->errors, 0) == 0;
}

/* Starts the program by tiexec, which is traced itself until it splits off its tracer. */
static void start_launcher(struct run *run)
{
    int go;
    pid_t pid = run_start(run, run_words(run->way->tiexec, run->way->program), true, true, &go);
    run->strike.target = run->strike.launcher = pid;
    if (run->way->kind == KIND_LAUNCH)
        run->strike.tracer = pid; /* is what is struck */
    tracing_begin(pid);
    close(go);
}

static void start_attaching(struct run *run)
{
    int go;
    bool is_undo = run->way->kind == KIND_UNDO;
    char **words = by_pid(run, is_undo ? "--undo" : "--attach");
    run->strike.tracer = run_start(run, words, false, true, &go);
    tracing_begin(run->strike.tracer);
    close(go);
}

/* A signal that stopped the program was not lost. */
static bool is_stopped_for_good(struct run *run)
{
    double end = now() + STATE_WAIT;
    while (look_state(run->strike.target) != 'T' && now() < end)
        if (run->target_ended || !run_step(run))
            return run->target_ended;
    bool stopped = look_state(run->strike.target) == 'T';
    kill(run->strike.target, SIGCONT);
    return stopped;
}

static const char *check_complaints(struct run *run)
{
    char text[8192];
    ssize_t n = pread(run->errors, text, sizeof text - 1, 0);
    int lines = 0, most = run->way->kind == KIND_FOLLOW ? 3 : run_attaches(run) ? 2 : 1;
    text[n > 0 ? n : 0] = '\0';
    for (char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    if (strstr(text, "internal error") || strstr(text, "traceback"))
        return "wrong internal error";
    return lines > most ? "wrong talkative" : NULL;
}

/* What became of a program that has ended. */
static const char *fate_of(const struct run *run)
{
    if (run->status == expected.status && run->out_size == expected.size &&
        memcmp(run->out, expected.out, expected.size) == 0)
        return "right";
    /* A shell tells of a signal by its status. */
    int signal = WIFSIGNALED(run->status) ? WTERMSIG(run->status) : WEXITSTATUS(run->status) - 128;
    bool killed = signal == SIGKILL || (!run_attaches(run) && signal > 0 &&
                  (run->out_size == 0 || run->way->kind == KIND_FOLLOW));
    /* By gdb's breakpoint; or by its thread, which cannot be put before it once ptrace fails. */
    killed |= run->way->kind == KIND_SERVE && (signal == SIGTRAP || signal == SIGSEGV);
    /* Whoever is struck himself may be killed between two halves of a line. */
    bool whole = run->strike.fault->kind == FAULT_SIGNAL_TARGET || run->out_size == 0 ||
                 run->out[run->out_size - 1] == '\n';
    if (killed && whole && run->out_size < expected.size &&
        memcmp(run->out, expected.out, run->out_size) == 0)
        return "gone";
    static char text[100];
    snprintf(text, sizeof text, "wrong end, %s %d, %zu bytes of output",
             WIFSIGNALED(run->status) ? "signal" : "status",
             WIFSIGNALED(run->status) ? WTERMSIG(run->status) : WEXITSTATUS(run->status),
             run->out_size);
    return text;
}

/* Whether the program is ending: what was seen of it then says nothing. */
static bool ends_soon(struct run *run)
{
    double end = now() + STATE_WAIT;
    while (!run->target_ended && now() < end && run_step(run))
        ;
    return run->target_ended;
}

/* Looks at a program that runs. NULL: all is well. */
static const char *check_running(struct run *run)
{
    const struct fault *fault = run->strike.fault;
    pid_t target = run->strike.target;
    if (fault->kind == FAULT_SIGNAL_TARGET && fault->value == SIGSTOP && run->strike.call >= 0 &&
        run_keeps_stops(run) && !is_stopped_for_good(run))
        return "wrong not stopped, as it should be";
    if (!run_becomes_ready(run))
        return run->target_ended ? NULL : "hung before it was ready";
    if (run->way->kind != KIND_FOLLOW && look_tracer(target) &&
        !ends_soon(run))
        return "wrong still traced";
    const char *wrong = look_compare(target, run_attaches(run) ? &run->before : NULL);
    return wrong && !ends_soon(run) ? wrong : NULL;
}

static const char *carry_out(struct run *run)
{
    if (run_attaches(run)) {
        if (!start_plainly(run))
            return "wrong not ready for the fault";
        start_attaching(run);
    } else {
        start_launcher(run);
    }
    if (!run_settle(run))
        return "hung";
    if (!run->target_ended) {
        const char *wrong = check_running(run);
        if (wrong)
            return wrong;
    }
    if (!run_finish(run))
        return run->target_ended ? "hung though the program has ended" : "hung at its end";
    const char *complaints = check_complaints(run);
    return complaints ? complaints : fate_of(run);
}

static struct run *new_run(const struct way *way, int children)
{
    static struct run run;
    memset(&run, 0, sizeof run);
    run.way = way;
    run.children = children;
    run.strike.call = -1;
    run.deadline = now() + way->limit;
    talk_begin(&run.talk, way->input);
    run.errors = memfd_create("errors", MFD_CLOEXEC);
    return &run;
}

static void dispose(struct run *run)
{
    run_kill_all();
    talk_end(&run->talk);
    close(run->output);
    close(run->errors);
    if (run->input >= 0)
        close(run->input);
}

/* Runs the program by itself, to know what is right. */
static void learn(const struct way *way, int children)
{
    static const struct fault none = {"none", FAULT_ERROR, 0};
    struct run *run = new_run(way, children);
    run->strike.fault = &none;
    run->strike.target = run_start(run, way->program, true, false, NULL);
    if (!run_becomes_ready(run) || !run_finish(run)) {
        fprintf(stderr, "faults: the program by itself does not get ready and end\n");
        exit(2);
    }
    memcpy(expected.out, run->out, run->out_size);
    expected.size = run->out_size;
    expected.status = run->status;
    dispose(run);
}

int campaign_run(const struct way *way, const struct fault *fault, long first, long step_size,
                 long last)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int children = signalfd(-1, &set, SFD_CLOEXEC);
    learn(way, children);
    for (long n = first; last == 0 || n <= last; n += step_size) {
        empty(way->empty);
        struct run *run = new_run(way, children);
        run->strike.fault = fault;
        run->strike.at = n;
        const char *fate = carry_out(run);
        char line[300], text[4096] = "";
        const char *label = getenv("FAULTS_LABEL");
        bool bad = strcmp(fate, "right") != 0 && strcmp(fate, "gone") != 0;
        if (bad && pread(run->errors, text, sizeof text - 1, 0) > 0)
            text[strcspn(text, "\n")] = '\0';
        int size = snprintf(line, sizeof line, "%s%s%ld %s %ld %s%s%.120s\n", label ? label : "",
                            label ? " " : "", n, name_of(run->strike.call), run->strike.calls, fate,
                            *text ? ": " : "", text);
        if (write(1, line, (size_t)size) < 0)
            exit(2);
        bool none = run->strike.call < 0;
        dispose(run);
        if (none)
            break;
    }
    return 0;
}
