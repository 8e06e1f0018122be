/* SPDX-License-Identifier: Apache-2.0
 * reader PID ADDRESS SIZE SECONDS: reads memory of another process by process_vm_readv, again and again, and prints
 * how long the fastest read has taken, in nanoseconds. For tests/tools/read-rate. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

int main(int argc, char **argv)
{
    if (argc < 5)
        return 2;
    size_t size = strtoul(argv[3], NULL, 0);
    struct iovec from = {(void *)(uintptr_t)strtoull(argv[2], NULL, 0), size};
    struct iovec to = {malloc(size), size};
    double best = 1e18, end = now() + atof(argv[4]) * 1e9;
    double start = now();
    for (int i = 0; i < 8 || start < end; i++) { /* the first ones get fresh pages */
        if (process_vm_readv(atoi(argv[1]), &to, 1, &from, 1, 0) != (ssize_t)size)
            return 1;
        double stop = now();
        best = stop - start < best ? stop - start : best;
        start = stop;
    }
    printf("%.0f\n", best);
    free(to.iov_base);
    return 0;
}
