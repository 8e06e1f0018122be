/* SPDX-License-Identifier: Apache-2.0 */
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define IDLE 0.06   /* seconds without a call, after which a tracer that stays is at rest */
#define PAUSE 0.02  /* seconds for which a process stays stopped */
#define STATE_WAIT 2.0 /* seconds for a state to be reached */

/* What is going on in one run. */
struct run {
    const struct way *way;
    struct strike strike;
    int input, output, errors, listener, children; /* descriptors */
    char out[8192];
    size_t out_size;
    bool out_ended, target_ended, tracer_ended;
    int status; /* of the target */
    double deadline;
    struct look before;
};

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

double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- starting ---- */

/* The words of both lists, behind each other. */
static char **join(char **one, char **other)
{
    static char *words[64];
    size_t n = 0;
    for (; one && *one; one++)
        words[n++] = *one;
    for (; other && *other && n < 63; other++)
        words[n++] = *other;
    words[n] = NULL;
    return words;
}

/* Starts a process. Its input and output are pipes of the run, or, without `is_target`, nothing. */
static pid_t start(struct run *run, char **words, bool is_target, bool wait_for_go, int *go)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, gate[2] = {-1, -1};
    if (is_target && (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)))
        exit(2);
    if (wait_for_go && pipe2(gate, O_CLOEXEC))
        exit(2);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        sigset_t none;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(is_target ? in[0] : null, 0);
        dup2(is_target ? out[1] : null, 1);
        dup2(run->errors, 2);
        if (wait_for_go) { /* until the other end is closed */
            close(gate[1]);
            while (read(gate[0], &byte, 1) < 0)
                ;
        }
        execv(words[0], words);
        _exit(99);
    }
    if (is_target) {
        close(in[0]);
        close(out[1]);
        run->input = in[1];
        run->output = out[0];
    }
    if (wait_for_go) {
        close(gate[0]);
        *go = gate[1];
    }
    return pid;
}

static int listen_for_tracer(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[64];
    int length = snprintf(name, sizeof name, "faults-%d", (int)getpid());
    memcpy(address.sun_path + 1, name, (size_t)length);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) || listen(fd, 8))
        exit(2);
    setenv("HELD_SOCKET", name, 1);
    return fd;
}

/* ---- what happens ---- */

static void accept_tracer(struct run *run)
{
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    int status, fd = accept4(run->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size))
        exit(2);
    pid_t pid = credentials.pid;
    if (tracing_begin(pid) == 0 && waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status)) {
        run->strike.tracer = pid;
        run->strike.passed = 2; /* by which it was held: read and close */
        ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
    }
    if (write(fd, "", 1) < 0)
        exit(2);
    close(fd);
}

static void read_output(struct run *run)
{
    ssize_t n = read(run->output, run->out + run->out_size, sizeof run->out - run->out_size);
    if (n > 0)
        run->out_size += (size_t)n;
    run->out_ended = n <= 0;
}

static void collect(struct run *run)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
        if (WIFSTOPPED(status)) {
            tracing_handle(&run->strike, pid, status);
        } else if (pid == run->strike.target) {
            run->target_ended = true;
            run->status = status;
        } else if (pid == run->strike.tracer) {
            run->tracer_ended = true;
        }
    }
}

static bool attaches(const struct run *run)
{
    return run->way->kind == KIND_ATTACH || run->way->kind == KIND_UNDO;
}

/* What was stopped goes on after a while. A program that has been attached to is to stop when it is
 * let go; one that is being started stops under its tracer, which waits. */
static void continue_stopped(struct run *run)
{
    struct strike *strike = &run->strike;
    bool over = strike->call >= 0 && now() > strike->struck_at + PAUSE;
    if (over && strike->listening) {
        strike->listening = false;
        kill(strike->tracer, SIGCONT);
    }
    if (over && !attaches(run) && strike->fault->kind == FAULT_SIGNAL_TARGET &&
        strike->fault->value == SIGSTOP && !run->target_ended) {
        kill(strike->target, SIGCONT);
        strike->struck_at = now() + 10 * PAUSE; /* for the next time, should it be needed */
    }
}

/* Lets things happen for a moment. false: the time is over. */
static bool step(struct run *run)
{
    struct pollfd fds[] = {{.fd = run->children, .events = POLLIN},
                           {.fd = run->listener, .events = POLLIN},
                           {.fd = run->out_ended ? -1 : run->output, .events = POLLIN}};
    struct signalfd_siginfo info;
    if (poll(fds, 3, 10) > 0) {
        if (fds[0].revents && read(run->children, &info, sizeof info) < 0)
            exit(2);
        if (fds[1].revents)
            accept_tracer(run);
        if (fds[2].revents)
            read_output(run);
    }
    collect(run);
    continue_stopped(run);
    return now() < run->deadline;
}

static bool is_ready(const struct run *run)
{
    static const char *const words[] = {"ready\n", "loaded\n"};
    const char *end = run->out + run->out_size;
    for (int i = 0; i < 2; i++) {
        size_t length = strlen(words[i]);
        if (run->out_size >= length && memcmp(end - length, words[i], length) == 0)
            return true;
    }
    return false;
}

static bool is_at_rest(const struct run *run)
{
    if (run->target_ended)
        return true;
    if (run->strike.tracer && run->way->kind != KIND_FOLLOW && run->way->kind != KIND_LAUNCH)
        return run->tracer_ended;
    return is_ready(run) && now() > run->strike.last_event + IDLE;
}

/* Waits until tiexec has ended or is at rest. */
static bool settle(struct run *run)
{
    while (!is_at_rest(run))
        if (!step(run))
            return false;
    return true;
}

static bool becomes_ready(struct run *run)
{
    while (!is_ready(run) && !run->target_ended)
        if (!step(run))
            return false;
    return is_ready(run);
}

static bool is_alone(void)
{
    siginfo_t info = {0};
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 && errno == ECHILD;
}

/* Tells the program to end, and waits for it and all others. */
static bool finish(struct run *run)
{
    if (!run->target_ended && write(run->input, "\n", 1) < 0)
        run->status = -1;
    close(run->input);
    run->input = -1;
    while (!run->target_ended || !run->out_ended || !is_alone())
        if (!step(run))
            return false;
    return true;
}

/* Ends all that is left: nothing here has other children. */
static void kill_all(void)
{
    char path[64];
    int pid;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    for (int i = 0; i < 50 && !is_alone(); i++) {
        FILE *list = fopen(path, "re");
        while (list && fscanf(list, "%d", &pid) == 1)
            kill(pid, SIGKILL);
        if (list)
            fclose(list);
        usleep(10000);
        while (waitpid(-1, NULL, __WALL | WNOHANG) > 0)
            ;
    }
}

/* ---- a run ---- */

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
    return join(run->way->tiexec, words);
}

/* Starts the program and, for an undo, has it remapped. */
static bool start_plainly(struct run *run)
{
    run->strike.target = start(run, run->way->program, true, false, NULL);
    if (!becomes_ready(run))
        return false;
    while (look_tracer(run->strike.target)) /* it may have been started by tiexec, too */
        if (!step(run))
            return false;
    if (look_take(run->strike.target, &run->before))
        return false;
    if (run->way->kind == KIND_UNDO) {
        run->strike.tracer = start(run, by_pid(run, "--attach"), false, false, NULL);
        while (!run->tracer_ended)
            if (!step(run))
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
    pid_t pid = start(run, join(run->way->tiexec, run->way->program), true, true, &go);
    run->strike.target = run->strike.tracer = pid;
    run->strike.is_launcher = true;
    tracing_begin(pid);
    close(go);
}

static void start_attaching(struct run *run)
{
    int go;
    const char *option = run->way->kind == KIND_UNDO ? "--undo" : "--attach";
    run->strike.tracer = start(run, by_pid(run, option), false, true, &go);
    tracing_begin(run->strike.tracer);
    close(go);
}

/* A signal that stopped the program was not lost. */
static bool is_stopped_for_good(struct run *run)
{
    double end = now() + STATE_WAIT;
    while (look_state(run->strike.target) != 'T' && now() < end)
        if (run->target_ended || !step(run))
            return run->target_ended;
    bool stopped = look_state(run->strike.target) == 'T';
    kill(run->strike.target, SIGCONT);
    return stopped;
}

static const char *check_complaints(struct run *run)
{
    char text[8192];
    ssize_t n = pread(run->errors, text, sizeof text - 1, 0);
    int lines = 0, most = run->way->kind == KIND_FOLLOW ? 3 : attaches(run) ? 2 : 1;
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
    bool killed = signal == SIGKILL || (!attaches(run) && signal > 0 &&
                  (run->out_size == 0 || run->way->kind == KIND_FOLLOW));
    bool whole = run->out_size == 0 || run->out[run->out_size - 1] == '\n';
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
    while (!run->target_ended && now() < end && step(run))
        ;
    return run->target_ended;
}

/* Looks at a program that runs. NULL: all is well. */
static const char *check_running(struct run *run)
{
    const struct fault *fault = run->strike.fault;
    pid_t target = run->strike.target;
    if (fault->kind == FAULT_SIGNAL_TARGET && fault->value == SIGSTOP && run->strike.call >= 0 &&
        attaches(run) && !is_stopped_for_good(run))
        return "wrong not stopped, as it should be";
    if (!becomes_ready(run))
        return run->target_ended ? NULL : "hung before it was ready";
    if (run->way->kind != KIND_FOLLOW && look_tracer(target) &&
        !ends_soon(run))
        return "wrong still traced";
    const char *wrong = look_compare(target, attaches(run) ? &run->before : NULL);
    return wrong && !ends_soon(run) ? wrong : NULL;
}

static const char *carry_out(struct run *run)
{
    if (attaches(run)) {
        if (!start_plainly(run))
            return "wrong not ready for the fault";
        start_attaching(run);
    } else if (run->way->kind == KIND_LAUNCH) {
        start_launcher(run);
    } else {
        char **words = join(run->way->tiexec, run->way->program);
        run->strike.target = start(run, words, true, false, NULL);
    }
    if (!settle(run))
        return "hung";
    if (!run->target_ended) {
        const char *wrong = check_running(run);
        if (wrong)
            return wrong;
    }
    if (!finish(run))
        return run->target_ended ? "hung though the program has ended" : "hung at its end";
    const char *complaints = check_complaints(run);
    return complaints ? complaints : fate_of(run);
}

static struct run *new_run(const struct way *way, int listener, int children)
{
    static struct run run;
    memset(&run, 0, sizeof run);
    run.way = way;
    run.listener = listener;
    run.children = children;
    run.strike.call = -1;
    run.deadline = now() + way->limit;
    run.errors = memfd_create("errors", MFD_CLOEXEC);
    return &run;
}

static void dispose(struct run *run)
{
    kill_all();
    close(run->output);
    close(run->errors);
    if (run->input >= 0)
        close(run->input);
}

/* Runs the program by itself, to know what is right. */
static void learn(const struct way *way, int listener, int children)
{
    static const struct fault none = {"none", FAULT_ERROR, 0};
    struct run *run = new_run(way, listener, children);
    run->strike.fault = &none;
    run->strike.target = start(run, way->program, true, false, NULL);
    if (!becomes_ready(run) || !finish(run)) {
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
    int listener = listen_for_tracer(), children = signalfd(-1, &set, SFD_CLOEXEC);
    learn(way, listener, children);
    for (long n = first; last == 0 || n <= last; n += step_size) {
        empty(way->empty);
        struct run *run = new_run(way, listener, children);
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
