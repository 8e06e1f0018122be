/* SPDX-License-Identifier: Apache-2.0
 * The program of the examples in docs/API.md. `example forever` counts until it is killed. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

volatile int counter = 40;
double ratio = 1.5;
char greeting[16] = "hello";
int primes[4] = {2, 3, 5, 7};

int add(int a, int b) { return a + b; }
double scale(double x) { return ratio * x; }
void count(int n) { counter += n; }

static void on_signal(int number) { (void)number; }

static void *in_thread(void *argument)
{
    count(1);
    return argument;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    (void)argv;
    signal(SIGUSR1, on_signal);
    for (; argc > 1; usleep(1000))
        count(1);
    count(2);
    pthread_create(&thread, NULL, in_thread, NULL);
    pthread_join(thread, NULL);
    close(open("/etc/passwd", O_RDONLY));
    raise(SIGUSR1);
    if (fork() == 0)
        _exit(3);
    wait(NULL);
    puts(greeting);
    return counter;
}
