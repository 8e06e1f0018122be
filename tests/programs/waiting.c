/* SPDX-License-Identifier: Apache-2.0
 * 64 threads that wait in system calls of each kind which a stop interrupts, over and over, and check each
 * result; others compute, sum up the program's own text, or take signals from timers. On SIGTERM it
 * prints for each kind how many calls there were and how many went wrong, and what; exit status 0: none. "idle": it
 * only waits to be killed. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 64, MS = 20 };

/* Text enough for some huge pages. */
__asm__(".pushsection .text.filler, \"ax\", %progbits\n"
        "filler: .set i, 0\n .rept 0xd0000\n .quad i * 0x9e3779b97f4a7c15\n .set i, i + 1\n .endr\n"
        ".popsection\n");
extern const uint64_t filler[0xd0000];

static atomic_bool ending;
static _Thread_local volatile int handled;

static void on_timer(int number)
{
    (void)number;
    handled++;
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static const struct timespec moment = {.tv_nsec = MS * 1000000};

/* Each makes one call and returns whether it did what it must. */

static bool in_nanosleep(void)
{
    int64_t start = now_ns();
    return nanosleep(&moment, NULL) == 0 && now_ns() - start >= MS * 1000000;
}

static bool in_absolute_sleep(void)
{
    int64_t until = now_ns() + MS * 1000000;
    struct timespec t = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
    return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == 0 && now_ns() >= until;
}

static bool in_poll(void) { return poll(NULL, 0, MS) == 0; }
static bool in_ppoll(void)
{
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    return ppoll(NULL, 0, &moment, &mask) == 0;
}

static bool in_select(void)
{
    struct timeval t = {.tv_usec = MS * 1000};
    return select(0, NULL, NULL, NULL, &t) == 0;
}

static bool in_epoll(void)
{
    struct epoll_event event;
    int fd = epoll_create1(EPOLL_CLOEXEC);
    bool right = epoll_wait(fd, &event, 1, MS) == 0;
    close(fd);
    return right;
}

static bool in_futex(void)
{
    uint32_t word = 1;
    return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, &moment, NULL, 0) == -1 && errno == ETIMEDOUT;
}

static bool in_condition(void)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += MS * 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    pthread_mutex_lock(&mutex);
    int result = pthread_cond_timedwait(&condition, &mutex, &t);
    pthread_mutex_unlock(&mutex);
    return result == ETIMEDOUT;
}

static bool in_sigtimedwait(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    return sigtimedwait(&set, NULL, &moment) == -1 && errno == EAGAIN;
}

static bool in_semtimedop(void)
{
    int id = semget(IPC_PRIVATE, 1, 0600);
    struct sembuf wait = {.sem_op = -1};
    bool right = semtimedop(id, &wait, 1, &moment) == -1 && errno == EAGAIN;
    semctl(id, 0, IPC_RMID);
    return right;
}

static bool in_receive(void)
{
    int ends[2];
    char byte;
    struct timeval t = {.tv_usec = MS * 1000};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return false;
    setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    bool right = recv(ends[0], &byte, 1, 0) == -1 && errno == EAGAIN;
    close(ends[0]);
    close(ends[1]);
    return right;
}

/* A child, with nothing but system calls, writes a byte and ends; read and wait must give just that. */
static bool in_read_and_wait(void)
{
    int ends[2], status;
    char byte = 0;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    pid_t pid = fork();
    if (pid == 0) {
        nanosleep(&moment, NULL);
        (void)!write(ends[1], "x", 1);
        nanosleep(&moment, NULL);
        _exit(7);
    }
    bool right = read(ends[0], &byte, 1) == 1 && byte == 'x';
    right = waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7 && right;
    close(ends[0]);
    close(ends[1]);
    return right;
}

static bool in_vfork(void)
{
    int status;
    pid_t pid = vfork();
    if (pid == 0) {
        nanosleep(&moment, NULL);
        _exit(9);
    }
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 9;
}

/* A signal for this thread, in `MS` milliseconds and ever again: the first may come too early. */
static timer_t start_timer(void)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN};
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) < 0)
        _exit(125);
    struct itimerspec when = {.it_value = moment, .it_interval = moment};
    handled = 0;
    timer_settime(timer, 0, &when, NULL);
    return timer;
}

/* A handler without SA_RESTART: EINTR, and not without it. */
static bool in_interrupted_sleep(void)
{
    struct timespec second = {.tv_sec = 60}, left = {0};
    timer_t timer = start_timer();
    bool right = nanosleep(&second, &left) == -1 && errno == EINTR && handled >= 1 && left.tv_sec > 30;
    timer_delete(timer);
    return right;
}

static bool in_interrupted_epoll(void)
{
    struct epoll_event event;
    int fd = epoll_create1(EPOLL_CLOEXEC);
    timer_t timer = start_timer();
    bool right = epoll_wait(fd, &event, 1, -1) == -1 && errno == EINTR && handled >= 1;
    timer_delete(timer);
    close(fd);
    return right;
}

static bool in_sigsuspend(void)
{
    sigset_t block, before;
    sigemptyset(&block);
    sigaddset(&block, SIGRTMIN);
    pthread_sigmask(SIG_BLOCK, &block, &before);
    timer_t timer = start_timer();
    sigset_t open = before;
    sigdelset(&open, SIGRTMIN);
    bool right = sigsuspend(&open) == -1 && errno == EINTR && handled == 1;
    timer_delete(timer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return right;
}

static bool in_own_text(void)
{
    uint64_t wrong = 0;
    for (uint64_t i = 0; i < 0xd0000; i++)
        wrong |= filler[i] ^ i * 0x9e3779b97f4a7c15;
    return wrong == 0;
}

static bool in_computing(void)
{
    volatile uint64_t x = 1;
    for (int i = 0; i < 1000000; i++)
        x = x * 6364136223846793005 + 1442695040888963407;
    return x == UINT64_C(0xce8eefe99cd3cc41);
}

#define KIND(name) {#name, in_##name, 0, 0}
static struct kind {
    const char *name;
    bool (*call)(void);
    atomic_ulong calls, wrong;
} kinds[] = {KIND(nanosleep), KIND(absolute_sleep), KIND(poll), KIND(ppoll), KIND(select), KIND(epoll), KIND(futex),
             KIND(condition), KIND(sigtimedwait), KIND(semtimedop), KIND(receive), KIND(read_and_wait), KIND(vfork),
             KIND(interrupted_sleep), KIND(interrupted_epoll), KIND(sigsuspend), KIND(own_text), KIND(computing)};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* While some threads are traced and others are not yet or no longer, the kernel keeps a SIGCHLD that nobody
 * handles, and wakes any thread that does not block it. */
static void leave_children_to_others(const struct kind *kind)
{
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    if (kind->call != in_read_and_wait && kind->call != in_vfork)
        pthread_sigmask(SIG_BLOCK, &children, NULL);
}

static void *run(void *argument)
{
    struct kind *kind = argument;
    leave_children_to_others(kind);
    while (!ending) {
        errno = 0;
        bool right = kind->call();
        if (!right) {
            kind->wrong++;
            fprintf(stderr, "%s: wrong: errno %d\n", kind->name, errno);
        }
        kind->calls++;
        if (kind->call == in_own_text || kind->call == in_computing)
            nanosleep(&moment, NULL); /* there is other work on this machine */
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "idle") == 0)
        pause();
    pthread_t threads[THREADS];
    unsigned long wrong = 0;
    int received;
    sigset_t end;
    struct sigaction action = {.sa_handler = on_timer};
    sigaction(SIGRTMIN, &action, NULL);
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigaddset(&end, SIGUSR2);
    sigprocmask(SIG_BLOCK, &end, NULL);
    sigdelset(&end, SIGUSR2);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, run, &kinds[i % KINDS]))
            return 125;
    printf("ready\n");
    fflush(stdout);
    sigwait(&end, &received);
    ending = true;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < KINDS; i++) {
        printf("%s: %lu calls, %lu wrong\n", kinds[i].name, kinds[i].calls, kinds[i].wrong);
        wrong += kinds[i].wrong;
    }
    return wrong ? 1 : 0;
}
