/* SPDX-License-Identifier: Apache-2.0
 * Loads libraries while it runs, and says what it sees of itself.
 *   loader load LIB              loads, says so, and unloads and loads again at each line read
 *   loader add LIB...            loads one after the other, says so, and goes on at each line read
 *   loader fork LIB              does the same in a child, and prints its exit status
 *   loader churn ROUNDS LIB...   a thread for each LIB loads, uses and unloads it
 *   loader blocked SECONDS LIB   loads and unloads while threads wait in all sorts of system calls
 *   loader threads SECONDS       threads come and go
 *   loader signals COUNT LIB     does so while a child sends signals with numbers
 * LIB is tests/programs/loadable.c or a copy. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef long work(long);
typedef uint64_t text_sum(void);

static uint64_t expected_sum;

static void fail(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    printf("\n");
    fflush(stdout);
    _exit(1);
}

/* Writes to standard output what went wrong, and ends. */
static void *load(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL), *f, *g;
    if (!library || !(f = dlsym(library, "work")) || !(g = dlsym(library, "text_sum")))
        fail("%s", dlerror());
    work *work_of;
    text_sum *sum_of;
    memcpy(&work_of, &f, sizeof f);
    memcpy(&sum_of, &g, sizeof g);
    long sum = 0;
    for (int d = 1; d <= 9; d++)
        for (int n = 1; n <= 9; n++)
            sum += 3 * (10 * d + n) + 7;
    for (int i = 0; i < 3; i++) /* the tracer may be at work meanwhile */
        if (work_of(3) != sum || (expected_sum && sum_of() != expected_sum))
            fail("%s: wrong result", path);
    if (!expected_sum)
        expected_sum = sum_of();
    return library;
}

static int is_mapped(const char *path)
{
    char line[PATH_MAX + 200], real[PATH_MAX];
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && realpath(path, real) && fgets(line, sizeof line, maps))
        found |= strstr(line, real) != NULL;
    if (maps)
        fclose(maps);
    return found;
}

static void unload(void *library, const char *path)
{
    if (dlclose(library) != 0)
        fail("%s", dlerror());
    if (is_mapped(path))
        fail("%s: still mapped", path);
}

static int load_by_line(const char *path)
{
    char line[100];
    for (;;) {
        void *library = load(path);
        printf("loaded\n");
        fflush(stdout);
        if (!fgets(line, sizeof line, stdin))
            return 5;
        unload(library, path);
        printf("unloaded\n");
        fflush(stdout);
        if (!fgets(line, sizeof line, stdin))
            return 6;
    }
}

static int add_by_line(char **paths)
{
    char line[100];
    for (; *paths; paths++) {
        load(*paths);
        printf("loaded\n");
        fflush(stdout);
        if (!fgets(line, sizeof line, stdin))
            return 5;
    }
    return 0;
}

static int rounds;

static void *churn(void *path)
{
    for (int i = 0; i < rounds; i++) {
        void *library = load(path);
        if (i % 4 == 0) /* long enough to be remapped, now and then */
            usleep(20000);
        load(path); /* again, after the tracer's work */
        dlclose(library);
        unload(library, path);
    }
    return NULL;
}

static int churn_all(int count, char **paths)
{
    pthread_t threads[16];
    unload(load(paths[0]), paths[0]);
    for (int i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, churn, paths[i]);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    printf("right\n");
    return 7;
}

/* ---- threads that wait ---- */

static int ends[2], sockets[2], futex_word, seconds;
static struct timespec duration;
static double began;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long by_nanosleep(void)
{
    return nanosleep(&duration, NULL);
}
static long by_clock_nanosleep(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += seconds;
    return clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL);
}
static long by_poll(void) { return poll(NULL, 0, seconds * 1000); }
static long by_ppoll(void) { return ppoll(NULL, 0, &duration, NULL); }
static long by_select(void)
{
    struct timeval t = {seconds, 0};
    return select(0, NULL, NULL, NULL, &t);
}
static long by_pselect(void)
{
    sigset_t none;
    sigemptyset(&none);
    return pselect(0, NULL, NULL, NULL, &duration, &none);
}
static long by_futex(void)
{
    return syscall(SYS_futex, &futex_word, FUTEX_WAIT_PRIVATE, 0, &duration, NULL, 0);
}
static long by_futex_endless(void)
{
    static int word;
    return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0); /* `ends` closes: see main */
}
static long by_read(void)
{
    char byte;
    return read(ends[0], &byte, 1);
}
static long by_recv(void)
{
    char byte;
    return recv(sockets[0], &byte, 1, 0);
}
static int epoll_of(int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    return epoll;
}
static long by_epoll_wait(void)
{
    struct epoll_event event;
    return epoll_wait(epoll_of(ends[0]), &event, 1, -1);
}
static long by_epoll_pwait(void)
{
    struct epoll_event event;
    sigset_t none;
    sigemptyset(&none);
    return epoll_pwait(epoll_of(ends[0]), &event, 1, -1, &none);
}
static long by_epoll_wait_timed(void)
{
    struct epoll_event event;
    int pair[2];
    return pipe2(pair, O_CLOEXEC) ? -3 : epoll_wait(epoll_of(pair[0]), &event, 1, seconds * 1000);
}
static long by_recv_timed(void)
{
    struct timeval t = {seconds, 0};
    int pair[2];
    char byte;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) ||
        setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t))
        return -3;
    return recv(pair[0], &byte, 1, 0);
}
static long by_sigtimedwait(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    return sigtimedwait(&set, NULL, &duration);
}
static long by_semtimedop(void)
{
    struct sembuf take = {0, -1, 0};
    int semaphore = semget(IPC_PRIVATE, 1, 0600);
    long result = semtimedop(semaphore, &take, 1, &duration);
    int error = errno;
    semctl(semaphore, 0, IPC_RMID);
    errno = error;
    return result;
}

static const struct wait_kind {
    const char *name;
    long (*wait)(void);
    int timed; /* it ends when its time is over, not before */
} kinds[] = {
    {"nanosleep", by_nanosleep, 1}, {"clock_nanosleep", by_clock_nanosleep, 1}, {"poll", by_poll, 1},
    {"ppoll", by_ppoll, 1}, {"select", by_select, 1}, {"pselect", by_pselect, 1}, {"futex", by_futex, 1},
    {"futex endless", by_futex_endless, 0}, {"read", by_read, 0}, {"recv", by_recv, 0},
    {"epoll_wait", by_epoll_wait, 0}, {"epoll_pwait", by_epoll_pwait, 0},
    {"epoll_wait timed", by_epoll_wait_timed, 1}, {"recv timed", by_recv_timed, 1},
    {"sigtimedwait", by_sigtimedwait, 1}, {"semtimedop", by_semtimedop, 1},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

static char lines[KINDS][100];

static void *wait_in(void *argument)
{
    size_t i = (size_t)(uintptr_t)argument;
    errno = 0;
    long result = kinds[i].wait();
    int error = result < 0 ? errno : 0;
    double took = now() - began;
    int early = took < seconds - 0.01, late = kinds[i].timed && strstr(kinds[i].name, "timed") == NULL &&
                                             took > 4 * seconds + 20;
    snprintf(lines[i], sizeof lines[i], "%s: %ld %s%s%s", kinds[i].name, result,
             error ? strerrorname_np(error) : "0", early ? " early" : "", late ? " late" : "");
    return NULL;
}

static int block(const char *path)
{
    pthread_t threads[KINDS];
    int stuck = 0;
    duration.tv_sec = seconds;
    if (pipe2(ends, O_CLOEXEC) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
        return 99;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    began = now();
    for (size_t i = 0; i < KINDS; i++)
        pthread_create(&threads[i], NULL, wait_in, (void *)(uintptr_t)i);
    while (now() < began + seconds + 0.2) {
        void *library = load(path);
        usleep(100000);
        unload(library, path);
    }
    (void)!write(ends[1], "12", 2);
    (void)!write(sockets[1], "1", 1);
    for (size_t i = 0; i < KINDS; i++) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 20;
        if (kinds[i].wait == by_futex_endless)
            snprintf(lines[i], sizeof lines[i], lines[i][0] ? "endless ended" : "endless");
        else if (pthread_timedjoin_np(threads[i], NULL, &until))
            stuck = 1;
        printf("%s\n", lines[i]);
    }
    printf(stuck ? "stuck\n" : "done\n");
    fflush(stdout);
    _exit(8);
}

/* ---- signals ---- */

static volatile sig_atomic_t arrived, out_of_order;

static void on_signal(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    out_of_order += info->si_value.sival_int != arrived || info->si_code != SI_QUEUE;
    arrived++;
}

static int signals(int count, const char *path)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGRTMIN, &action, NULL);
    pid_t target = getpid(), sender = fork();
    if (sender == 0) {
        for (int i = 0; i < count; i++) {
            union sigval value = {.sival_int = i};
            while (sigqueue(target, SIGRTMIN, value) < 0)
                usleep(100);
            if (i % 64 == 63)
                usleep(100);
        }
        _exit(0);
    }
    double deadline = now() + 60;
    int status = 0;
    for (int i = 0; (arrived < count || i < 20) && now() < deadline; i++) {
        void *library = load(path);
        for (double until = now() + 0.01; now() < until;) /* time for the tracer to come */
            ;
        unload(library, path);
    }
    while (waitpid(sender, &status, 0) < 0 && errno == EINTR)
        ;
    printf("arrived %d wrong %d\n", (int)arrived, (int)out_of_order);
    return 9;
}

static void *chain(void *unused)
{
    pthread_t next;
    usleep(10);
    while (pthread_create(&next, NULL, chain, unused))
        usleep(1000);
    pthread_detach(next);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc > 2 && !strcmp(argv[1], "load"))
        return load_by_line(argv[2]);
    if (argc > 2 && !strcmp(argv[1], "add"))
        return add_by_line(argv + 2);
    if (argc > 2 && !strcmp(argv[1], "fork")) {
        int status = 0;
        if (fork() == 0)
            _exit(load_by_line(argv[2]));
        wait(&status);
        printf("status %x\n", (unsigned)status);
        return 4;
    }
    if (argc > 3 && !strcmp(argv[1], "churn") && (rounds = atoi(argv[2])) > 0)
        return churn_all(argc - 3, argv + 3);
    if (argc > 3 && !strcmp(argv[1], "blocked") && (seconds = atoi(argv[2])) > 0)
        return block(argv[3]);
    if (argc > 2 && !strcmp(argv[1], "threads")) {
        for (int i = 0; i < 4; i++)
            chain(NULL);
        sleep((unsigned)atoi(argv[2]));
        _exit(0);
    }
    if (argc > 3 && !strcmp(argv[1], "signals"))
        return signals(atoi(argv[2]), argv[3]);
    return 99;
}
