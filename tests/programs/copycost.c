/* SPDX-License-Identifier: Apache-2.0
 * What must be spent on a private copy of a text: clearing huge pages, and memcpy of the bytes out of
 * the page cache. Maps the file named first, prints the milliseconds for its first 100 MiB: clearing,
 * memcpy, and both at once with each page still in the caches when it is copied to. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SIZE ((size_t)100 << 20)
#define HUGE ((size_t)2 << 20)

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static char *map_huge(void)
{
    char *to = mmap(NULL, SIZE + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    to += (HUGE - (size_t)to % HUGE) % HUGE;
    madvise(to, SIZE, MADV_HUGEPAGE);
    return to;
}

int main(int argc, char **argv)
{
    int fd = argc > 1 ? open(argv[1], O_RDONLY) : -1;
    char *from = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (from == MAP_FAILED)
        return 1;
    char *to = map_huge();
    double start = now();
    for (size_t at = 0; at < SIZE; at += HUGE)
        to[at] = 1;
    double cleared = now();
    memcpy(to, from, SIZE);
    double copied = now();
    munmap(to, SIZE);
    to = map_huge();
    double again = now();
    memcpy(to, from, SIZE);
    printf("%.2f %.2f %.2f\n", cleared - start, copied - cleared, now() - again);
    return 0;
}
