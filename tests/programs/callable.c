/* SPDX-License-Identifier: Apache-2.0
 * Something to look into: data of all types, functions to be called, and ways to `here`, where the specs stop it.
 * `callable deep` goes there through three functions; `callable handler` from a signal handler;
 * `callable threads` from a second thread, while the first one waits in pthread_join; else from main.
 * `callable nap MS` sleeps; `callable constants` prints some; `callable starting` waits until four threads have been started. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define KEEP __attribute__((noinline, noclone, used))

struct values {
    uint8_t u8;
    int8_t i8;
    uint16_t u16;
    int16_t i16;
    uint32_t u32;
    int32_t i32;
    uint64_t u64;
    int64_t i64;
    float f;
    double d;
    const char *pointer;
    int32_t list[4];
};

struct values values = {200, -100, 60000, -30000, 4000000000u, -2000000000, UINT64_MAX, INT64_MIN,
                        1.5f,  -0.25, "pointed to", {1, -2, 3, -4}};
char text[64] = "a string";
volatile int calls;

KEEP void here(void) { calls += 1; }

KEEP static int hidden(int value) { return value + calls; }

KEEP int inner(int value)
{
    here();
    return hidden(value) + 1;
}

KEEP int middle(int value) { return inner(value) + 2; }
KEEP int outer(int value) { return middle(value) + 3; }

/* ---- to be called ---- */

KEEP long sum(long a, long b, long c, long d, long e, long f)
{
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f;
}

KEEP double scale(double a, int by, double b) { return a * by + b; }

KEEP size_t fill(char *to, size_t size, const char *from)
{
    memset(to, 0, size);
    strncpy(to, from, size - 1);
    return strlen(from);
}

KEEP void fault(volatile int *where) { *where = 1; }

KEEP int give_up(void) { abort(); }

KEEP int spin(void)
{
    while (calls >= 0)
        ;
    return 0;
}

KEEP int nap(int ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000L};
    return nanosleep(&time, NULL) ? errno : 0;
}

KEEP int call_here(void)
{
    here();
    return 7;
}

static volatile int started;

static void *be_started(void *argument)
{
    (void)argument;
    __atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

KEEP int start_threads(int count)
{
    pthread_t thread;
    for (int i = 0; i < count; i++)
        if (pthread_create(&thread, NULL, be_started, NULL) != 0 || pthread_detach(thread) != 0)
            return -1;
    return count;
}

static volatile int handled;

static void count_signal(int signal)
{
    (void)signal;
    handled += 1;
}

/* Waits until a signal has been handled. */
KEEP int await_signal(void)
{
    signal(SIGUSR2, count_signal);
    while (!handled)
        kill(getpid(), SIGUSR2);
    return handled;
}

/* ---- ways ---- */

static void handle(int signal)
{
    (void)signal;
    here();
}

static void *work(void *argument)
{
    outer(*(int *)argument);
    return NULL;
}

int main(int argc, char **argv)
{
    const char *way = argc > 1 ? argv[1] : "";
    int value = 5;
    if (strcmp(way, "deep") == 0) {
        value = outer(value);
    } else if (strcmp(way, "handler") == 0) {
        signal(SIGUSR1, handle);
        raise(SIGUSR1);
    } else if (strcmp(way, "threads") == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, work, &value);
        pthread_join(thread, NULL);
    } else if (strcmp(way, "constants") == 0) {
        printf("%d %d %d %d %d %d\n", RLIMIT_AS, O_NONBLOCK, PR_SET_NO_NEW_PRIVS, SIGWINCH, ENOTSUP,
               O_DIRECT);
    } else if (strcmp(way, "nap") == 0) {
        return nap(argc > 2 ? atoi(argv[2]) : 300);
    } else if (strcmp(way, "starting") == 0) {
        here(); /* the specs call start_threads(4) here */
        while (started < 4)
            usleep(1000);
    } else {
        here();
    }
    return value > 0 ? 0 : 1;
}
