/* SPDX-License-Identifier: Apache-2.0
 * Something to hold under the harness. `target threads N` starts N threads that count; `target fork`
 * forks a child that exits with 7 and exits with its status plus one; else it returns 3. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

volatile int counter;
const char greeting[] = "tiexec test target: a read-only string";

__attribute__((noinline)) int marker(int value)
{
    counter += value;
    return counter;
}

static void *count(void *unused)
{
    (void)unused;
    while (marker(1))
        usleep(100);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "threads") == 0) {
        pthread_t thread;
        for (int i = 0; i < atoi(argv[2]); i++)
            pthread_create(&thread, NULL, count, NULL);
        count(NULL);
    }
    if (argc > 1 && strcmp(argv[1], "fork") == 0) {
        int status = 0;
        if (fork() == 0)
            _exit(7);
        wait(&status);
        return WEXITSTATUS(status) + 1;
    }
    if (argc > 1 && strcmp(argv[1], "signal") == 0)
        raise(SIGUSR1);
    marker(1);
    marker(2);
    return counter;
}
