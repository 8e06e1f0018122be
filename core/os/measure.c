/* SPDX-License-Identifier: Apache-2.0 */
#include "os/measure.h"

#include "base/clock.h"
#include "os/gate.h"
#include "os/offspring.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What is the same for all runs: the signals as they were, and from where the input is read. */
static struct {
    bool is_set, interrupted;
    sigset_t ending, mask;
    int signals;
    off_t input; /* -1: /dev/null */
} common;

struct files {
    int input, output, error;
};

static int set_common(void)
{
    struct stat st;
    if (common.is_set)
        return 0;
    sigemptyset(&common.ending);
    sigaddset(&common.ending, SIGINT);
    sigaddset(&common.ending, SIGTERM);
    sigaddset(&common.ending, SIGHUP);
    common.signals = signalfd(-1, &common.ending, SFD_CLOEXEC | SFD_NONBLOCK);
    if (common.signals < 0 || sigprocmask(SIG_BLOCK, &common.ending, &common.mask) < 0)
        return -errno;
    common.input = -1;
    if (fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode))
        common.input = lseek(STDIN_FILENO, 0, SEEK_CUR);
    common.is_set = true;
    return 0;
}

/* ---- the command ---- */

struct way_in {
    const struct measure_task *task;
    const struct files *files;
};

static int prepare(void *context)
{
    const struct way_in *in = context;
    const struct files *files = in->files;
    for (char *const *variable = in->task->variables; *variable; variable++)
        if (putenv(*variable) != 0)
            return -ENOMEM;
    if (dup2(files->input, 0) < 0 || dup2(files->output, 1) < 0 || dup2(files->error, 2) < 0)
        return -errno;
    return sigprocmask(SIG_SETMASK, &common.mask, NULL) < 0 ? -errno : 0;
}

/* ---- the supervisor: a process for each run, to which the command's orphans come ---- */

static void run(const struct measure_task *task, const struct files *files,
                struct measure_result *result)
{
    struct gate gate;
    struct counters counters;
    struct way_in in = {task, files};
    result->err = gate_fork(&gate, task->path, task->argv, prepare, &in);
    if (result->err)
        return;
    result->counters = counters_open(&counters, gate.pid);
    int64_t start = clock_now();
    struct offspring offspring = {.first = gate.pid};
    result->err = gate_open(&gate);
    offspring_wait(&offspring, &common.ending);
    counters_read(&counters, result->values);
    counters_close(&counters);
    int err = gate_close(&gate);
    result->err = result->err ? result->err : err;
    result->status = offspring.status;
    result->interrupted = offspring.interrupted;
    result->is_left = offspring.is_left;
    result->use = (struct measure_use){.wall = offspring.ended - start, .user = offspring.user,
                                       .system = offspring.system, .faults = offspring.faults,
                                       .peak = offspring.peak, .switches = offspring.switches};
}

static void supervise(const struct measure_task *task, const struct files *files, int out)
{
    struct measure_result result = {.err = 0};
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    signal(SIGCHLD, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (task->stand_in_count > 0)
        result.err = stand_in_mount(task->stand_ins, task->stand_in_count);
    result.is_mount = result.err != 0;
    if (!result.err)
        run(task, files, &result);
    _exit(write(out, &result, sizeof result) == sizeof result ? 0 : 1);
}

/* ---- this process ---- */

/* Waits for the result of a run. Signals that are to end the run are passed on. */
static int wait_for(pid_t supervisor, int in, struct measure_result *result)
{
    size_t got = 0;
    while (got < sizeof *result) {
        struct pollfd files[] = {{.fd = in, .events = POLLIN},
                                 {.fd = common.signals, .events = POLLIN}};
        struct signalfd_siginfo info;
        if (poll(files, 2, -1) < 0 && errno != EINTR)
            return -errno;
        while (files[1].revents && read(common.signals, &info, sizeof info) == sizeof info) {
            common.interrupted = true;
            kill(supervisor, (int)info.ssi_signo);
        }
        if (!files[0].revents)
            continue;
        ssize_t n = read(in, (char *)result + got, sizeof *result - got);
        if (n == 0 || (n < 0 && errno != EINTR))
            return n < 0 ? -errno : -ECHILD;
        got += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* Reads what the command has written. */
static int read_output(const struct files *files, struct measure_result *result)
{
    struct stat st;
    if (fstat(files->output, &st) < 0)
        return -errno;
    size_t size = (size_t)st.st_size;
    static char nothing[1];
    void *bytes =
        size ? mmap(NULL, size, PROT_READ, MAP_SHARED, files->output, 0) : (void *)nothing;
    if (bytes == MAP_FAILED)
        return -errno;
    result->output_size = size;
    digest_64(bytes, size, result->output);
    if (size)
        munmap(bytes, size);
    ssize_t n = pread(files->error, result->error, sizeof result->error - 1, 0);
    result->error[n > 0 ? n : 0] = '\0';
    return 0;
}

static int open_files(struct files *files)
{
    files->output = memfd_create("output", MFD_CLOEXEC);
    files->error = memfd_create("error", MFD_CLOEXEC);
    if (common.input >= 0 && lseek(STDIN_FILENO, common.input, SEEK_SET) >= 0)
        files->input = STDIN_FILENO;
    else
        files->input = open("/dev/null", O_RDWR | O_CLOEXEC);
    return files->output < 0 || files->error < 0 || files->input < 0 ? -errno : 0;
}

static void close_files(const struct files *files)
{
    close(files->output);
    close(files->error);
    if (files->input != STDIN_FILENO)
        close(files->input);
}

static int run_supervised(const struct measure_task *task, const struct files *files,
                          struct measure_result *result)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    pid_t supervisor = fork();
    if (supervisor == 0) {
        close(ends[0]);
        supervise(task, files, ends[1]);
    }
    int err = supervisor < 0 ? -errno : 0;
    close(ends[1]);
    if (!err)
        err = wait_for(supervisor, ends[0], result);
    close(ends[0]);
    while (supervisor > 0 && waitpid(supervisor, NULL, 0) < 0 && errno == EINTR)
        ;
    return err;
}

int measure_run(const struct measure_task *task, struct measure_result *result)
{
    struct files files;
    *result = (struct measure_result){.err = 0};
    int err = set_common();
    if (err)
        return err;
    err = open_files(&files);
    if (!err)
        err = run_supervised(task, &files, result);
    if (!err)
        err = read_output(&files, result);
    close_files(&files);
    common.interrupted |= result->interrupted;
    result->interrupted = common.interrupted;
    return err;
}

int measure_pause(int milliseconds, bool *interrupted)
{
    int64_t deadline = clock_deadline(milliseconds);
    struct signalfd_siginfo info;
    int err = set_common();
    while (!err && !common.interrupted && !clock_is_past(deadline)) {
        struct pollfd file = {.fd = common.signals, .events = POLLIN};
        if (poll(&file, 1, clock_left(deadline) + 1) < 0 && errno != EINTR)
            err = -errno;
        else if (read(common.signals, &info, sizeof info) == sizeof info)
            common.interrupted = true;
    }
    *interrupted = common.interrupted;
    return err;
}
