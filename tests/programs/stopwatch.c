/* SPDX-License-Identifier: Apache-2.0
 * stopwatch ROUNDS CMD… -- CMD… [-- CMD…]: runs the commands in turn, ROUNDS times, and prints for each the
 * milliseconds of the whole process (least, quartiles, most), the median of its ratio to the first in the
 * same round, the median of the processor time of all its processes, orphans included, which other work on
 * the host disturbs least, and the median of their page faults. Their output goes to /dev/null. Words
 * NAME=VALUE before a command are its environment's. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST_COMMANDS 16
#define MOST_ROUNDS   1000

extern char **environ;
static double times[MOST_COMMANDS][MOST_ROUNDS], processor[MOST_COMMANDS][MOST_ROUNDS],
    faults[MOST_COMMANDS][MOST_ROUNDS], ratios[MOST_ROUNDS];

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double milliseconds(struct timeval t)
{
    return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3;
}

/* Gives the command after its environment, which is put into this process's until unset_environment. */
static char **set_environment(char **argv)
{
    for (; *argv && strchr(*argv, '='); argv++)
        putenv(*argv);
    return argv;
}

static void unset_environment(char **argv)
{
    for (; *argv && strchr(*argv, '='); argv++) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(*argv, "="), *argv);
        unsetenv(name);
    }
}

/* As a "child subreaper" this process collects the tracer too, which tiexec leaves an orphan. */
static double run(char **argv, posix_spawn_file_actions_t *actions, double *spent, double *faulted)
{
    pid_t pid, ended;
    struct rusage usage;
    double start = now(), stop = start;
    *spent = *faulted = 0;
    char **command = set_environment(argv);
    if (!*command || posix_spawnp(&pid, command[0], actions, NULL, command, environ) != 0)
        exit(127);
    unset_environment(argv);
    while ((ended = wait4(-1, NULL, __WALL, &usage)) > 0 || errno == EINTR) {
        if (ended == pid)
            stop = now();
        if (ended > 0) {
            *spent += milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime);
            *faulted += (double)(usage.ru_minflt + usage.ru_majflt);
        }
    }
    return stop - start;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double sorted_median(double *list, int count)
{
    qsort(list, (size_t)count, sizeof *list, compare);
    return list[count / 2];
}

int main(int argc, char **argv)
{
    char **commands[MOST_COMMANDS];
    int count = 0, rounds = argc > 2 ? atoi(argv[1]) : 0;
    if (rounds < 1 || rounds > MOST_ROUNDS)
        return 2;
    commands[count++] = argv + 2;
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0 && count < MOST_COMMANDS) {
            argv[i] = NULL;
            commands[count++] = argv + i + 1;
        }
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1UL);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    for (int round = -1; round < rounds; round++) { /* the first is a warm-up */
        int at = round < 0 ? 0 : round;
        for (int c = 0; c < count; c++)
            times[c][at] = run(commands[c], &actions, &processor[c][at], &faults[c][at]);
    }
    printf("%8s %8s %8s %8s %8s %8s %8s %8s  %s\n", "least", "quarter", "median", "quarter", "most", "ratio",
           "CPU", "faults", "command");
    for (int c = count - 1; c >= 0; c--) {
        for (int i = 0; i < rounds; i++)
            ratios[i] = times[c][i] / times[0][i];
        double ratio = sorted_median(ratios, rounds), median = c ? sorted_median(times[c], rounds) : 0;
        if (c == 0) /* sorted last: the others' ratios need it in order of time */
            median = sorted_median(times[0], rounds);
        printf("%8.2f %8.2f %8.2f %8.2f %8.2f %8.2f %8.2f %8.0f ", times[c][0], times[c][rounds / 4], median,
               times[c][rounds * 3 / 4], times[c][rounds - 1], ratio, sorted_median(processor[c], rounds),
               sorted_median(faults[c], rounds));
        for (char **word = commands[c]; *word; word++)
            printf(" %s", *word);
        printf("\n");
    }
    return 0;
}
