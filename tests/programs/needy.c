/* SPDX-License-Identifier: Apache-2.0
 * A program that needs a large library from the start. Calls it, tells its result, and waits to be killed; with an
 * argument it ends. */
#include <stdio.h>
#include <unistd.h>

long work(long x);
unsigned long text_sum(void);

int main(int argc, char **argv)
{
    (void)argv;
    printf("result %ld %lx\n", work(1), text_sum());
    fflush(stdout);
    while (argc < 2)
        pause();
    return 3;
}
