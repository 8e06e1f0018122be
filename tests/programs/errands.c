/* SPDX-License-Identifier: Apache-2.0
 * Runs errands, and finds fault with each that is not as it must be, until there is a file:
 *   errands JOBS THREADS FILE
 * JOBS are letters: c calls functions, s makes system calls, g raises signals, w waits, f forks, v has
 * a child exec, t makes threads, x: becomes itself again and again. At the end it prints "right" and
 * ends with status 7; or else the first that was wrong, and it ends with 1. Its children end with 0, or
 * 100 and more. After five minutes it is ended by SIGALRM. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEEP __attribute__((noinline, noclone))
enum { LIMIT = 300, MOST = 16, RIGHT = 7, CHILD = 100 };

volatile int counter;
volatile long watched;
char spare[4096] = "spare memory, for whoever writes to it";

static const char *jobs, *last;
static char **words;
static volatile int over;
static _Thread_local volatile sig_atomic_t got;

KEEP int marker(int value)
{
    __atomic_add_fetch(&counter, 1, __ATOMIC_RELAXED);
    return value * 3;
}

KEEP int add(int a, int b) { return a + b; }

KEEP double halve(double value) { return value / 2; }

KEEP static int wrong(const char *what)
{
    char line[200];
    int length = snprintf(line, sizeof line, "wrong: %s, errno %d\n", what, errno);
    if (write(1, line, (size_t)length) != length)
        _exit(2);
    _exit(1);
}

static void on_signal(int signal) { got = got + signal; }

static void call(int i)
{
    volatile double sum = 0;
    long before = watched;
    for (int k = 0; k < 8; k++) {
        if (marker(i + k) != (i + k) * 3 || add(i, k) != i + k)
            wrong("what a function gives");
        sum = sum + halve(k);
    }
    if (sum != 14)
        wrong("a sum of doubles");
    __atomic_add_fetch(&watched, 1, __ATOMIC_RELAXED);
    if (watched == before)
        wrong("a variable");
}

static void ask(int i)
{
    int ends[2];
    char byte = (char)i, back = 0;
    char *page;
    if (syscall(SYS_getpid) != getpid() || syscall(SYS_getppid) < 0)
        wrong("getpid");
    if (syscall(SYS_close, -1) != -1 || errno != EBADF)
        wrong("close");
    if (pipe(ends) || write(ends[1], &byte, 1) != 1 || read(ends[0], &back, 1) != 1 || back != byte)
        wrong("a pipe");
    close(ends[0]);
    close(ends[1]);
    page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED || page[0] || mprotect(page, 4096, PROT_READ) || munmap(page, 8192))
        wrong("memory");
}

static void raise_signals(void)
{
    sigset_t set, before;
    sig_atomic_t told = got;
    if (raise(SIGUSR1) || got != told + SIGUSR1)
        wrong("a signal");
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, &before);
    told = got;
    if (raise(SIGUSR2) || got != told)
        wrong("a blocked signal");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (got != told + SIGUSR2)
        wrong("an unblocked signal");
}

static void wait_some(void)
{
    const struct timespec moment = {0, 300000};
    if (nanosleep(&moment, NULL))
        wrong("nanosleep");
    sched_yield();
}

static void expect_end(pid_t pid, int status)
{
    int end;
    if (pid <= 0 || waitpid(pid, &end, 0) != pid)
        wrong("a child");
    if (!WIFEXITED(end) || WEXITSTATUS(end) != status)
        wrong(WIFSIGNALED(end) ? strsignal(WTERMSIG(end)) : "a child's status");
}

static void make_child(int i)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(marker(i & 7) + CHILD);
    expect_end(pid, (i & 7) * 3 + CHILD);
}

static void spawn(void)
{
    pid_t pid;
    char *const argv[] = {"true", NULL};
    if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, argv + 1))
        wrong("spawn");
    expect_end(pid, 0);
}

static void *be_short(void *argument)
{
    marker(1);
    return argument;
}

static void make_thread(void)
{
    pthread_t thread;
    void *back = NULL;
    int err = pthread_create(&thread, NULL, be_short, &back);
    if (err == EAGAIN) /* another thread execs */
        return;
    if (err || pthread_join(thread, &back) || back != &back)
        wrong("a thread");
}

static void run_errand(char job, int i)
{
    switch (job) {
    case 'c': call(i); break;
    case 's': ask(i); break;
    case 'g': raise_signals(); break;
    case 'w': wait_some(); break;
    case 'f': make_child(i); break;
    case 'v': spawn(); break;
    case 't': make_thread(); break;
    default: break;
    }
}

static void *work(void *unused)
{
    (void)unused;
    for (int i = 0; !over; i++)
        run_errand(jobs[(size_t)i % strlen(jobs)], i);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[MOST];
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    int count = argc > 3 ? atoi(argv[2]) : 0;
    if (count < 1 || count > MOST)
        return 2;
    jobs = argv[1];
    words = argv;
    last = argv[3];
    alarm(LIMIT);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    for (int i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; access(last, F_OK); i++) {
        wait_some();
        marker(i);
        if (i == 100 && strchr(jobs, 'x'))
            execv("/proc/self/exe", words);
    }
    over = 1;
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return puts("right") < 0 || fflush(stdout) ? 2 : RIGHT;
}
