/* SPDX-License-Identifier: Apache-2.0
 * Is busy in each of 1024 functions, which are a page long each, until it is killed; for profilers.
 *   busy [TURNS]: ends after so many turns. Prints "busy" when it begins. */
#include <stdio.h>
#include <stdlib.h>

#define FUNCTIONS 1024

typedef unsigned work(unsigned);

#define BODY(a, b, c, d, e)                                                                        \
    __attribute__((noinline, noclone, aligned(4096))) static unsigned work_##a##b##c##d##e(        \
        unsigned x)                                                                                \
    {                                                                                              \
        for (int i = 0; i < 200; i++)                                                              \
            x = x * 1664525u + 0x##a##b##c##d##e;                                                  \
        return x;                                                                                  \
    }
#define NAME(a, b, c, d, e) work_##a##b##c##d##e,
#define TIMES_4(m, a, b, c, d) m(a, b, c, d, 0) m(a, b, c, d, 1) m(a, b, c, d, 2) m(a, b, c, d, 3)
#define TIMES_16(m, a, b, c) TIMES_4(m, a, b, c, 0) TIMES_4(m, a, b, c, 1) TIMES_4(m, a, b, c, 2) TIMES_4(m, a, b, c, 3)
#define TIMES_64(m, a, b) TIMES_16(m, a, b, 0) TIMES_16(m, a, b, 1) TIMES_16(m, a, b, 2) TIMES_16(m, a, b, 3)
#define TIMES_256(m, a) TIMES_64(m, a, 0) TIMES_64(m, a, 1) TIMES_64(m, a, 2) TIMES_64(m, a, 3)
#define TIMES_1024(m) TIMES_256(m, 0) TIMES_256(m, 1) TIMES_256(m, 2) TIMES_256(m, 3)

TIMES_1024(BODY)

static work *const works[FUNCTIONS] = {TIMES_1024(NAME)};

int main(int argc, char **argv)
{
    unsigned long turns = argc > 1 ? strtoul(argv[1], NULL, 10) : -1UL;
    unsigned x = 1;
    puts("busy");
    fflush(stdout);
    for (unsigned long i = 0; i < turns; i++)
        x = works[x >> 22](x);
    return x == 0;
}
