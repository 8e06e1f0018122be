/* SPDX-License-Identifier: Apache-2.0
 * burning MILLION: computes for so many million steps, and BURN percent more if that variable is set. It prints the
 * same in both cases: what `--compare` must find is the time alone. FAIL=N ends it with status N, NOISE prints a
 * number that differs from run to run, SAY prints its value, and LEAVE leaves a process that runs on. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long number(const char *name)
{
    const char *value = getenv(name);
    return value ? strtol(value, NULL, 10) : 0;
}

int main(int argc, char **argv)
{
    long steps = (argc > 1 ? strtol(argv[1], NULL, 10) : 1) * 1000000;
    uint64_t state = 1;
    steps += steps / 1000 * 10 * number("BURN");
    for (long i = 0; i < steps; i++)
        state = state * 6364136223846793005u + 1442695040888963407u;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (getenv("NOISE"))
        printf("%ld\n", now.tv_nsec);
    if (getenv("SAY"))
        printf("%s\n", getenv("SAY"));
    if (getenv("LEAVE") && fork() == 0)
        sleep(30);
    printf("%s burnt%s\n", argv[0], state == 0 ? "" : " well");
    return (int)number("FAIL");
}
