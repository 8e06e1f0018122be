/* SPDX-License-Identifier: Apache-2.0
 * Something to be debugged in a session: data, a structure, two threads, a signal, and functions.
 *   debuggee: prints "begin" and "end 10 got 10", and ends with status 5
 *   debuggee exec: becomes `debuggee` after `touch` was called
 *   debuggee fork: its child, which ends with status 3, calls `touch` as well
 *   debuggee vfork: its child becomes `debuggee`; it ends with that one's status
 *   debuggee crash: writes to address 16
 *   debuggee spin: calls `touch` for ever, in four threads */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEEP __attribute__((noinline, noclone))

struct pair {
    int number;
    char name[16];
};

volatile int counter;
int data[16];
volatile double ratio = 1.5;
_Thread_local volatile int own = 17;
struct pair pair = {7, "seven"};
static volatile sig_atomic_t got;

KEEP static void on_signal(int signal) { got = signal; }

KEEP int add(int a, int b) { return a + b + counter; }

KEEP void touch(int i)
{
    data[i & 15] += i;
    counter++;
}

KEEP static void *work(void *argument)
{
    own = 42;
    for (int i = 0; i < 3; i++)
        touch(i);
    return argument;
}

static void *spin(void *argument)
{
    for (;;)
        touch(1);
    return argument;
}

static void start(void *(*run)(void *), int count)
{
    pthread_t thread[4];
    for (int i = 0; i < count; i++)
        pthread_create(&thread[i], NULL, run, NULL);
    for (int i = 0; i < count; i++)
        pthread_join(thread[i], NULL);
}

static int in_child(void)
{
    int status = 0;
    if (fork() == 0) {
        touch(2);
        _exit(3);
    }
    wait(&status);
    return WEXITSTATUS(status);
}

static int in_vfork_child(void)
{
    int status = 0;
    if (vfork() == 0) {
        execl("/proc/self/exe", "debuggee", NULL);
        _exit(4);
    }
    wait(&status);
    touch(3);
    return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
    const char *way = argc > 1 ? argv[1] : "";
    int result;
    signal(SIGUSR1, on_signal);
    if (strcmp(way, "spin") == 0)
        start(spin, 4);
    printf("begin %d\n", argc);
    fflush(stdout);
    for (int i = 0; i < 4; i++)
        touch(i);
    if (strcmp(way, "exec") == 0)
        execl("/proc/self/exe", "debuggee", NULL);
    if (strcmp(way, "fork") == 0)
        return in_child();
    if (strcmp(way, "vfork") == 0)
        return in_vfork_child();
    if (strcmp(way, "crash") == 0)
        *(volatile int *)16 = 1;
    start(work, 1);
    raise(SIGUSR1);
    result = add(1, 2);
    printf("end %d got %d\n", result, (int)got);
    return result == 10 ? 5 : 6;
}
