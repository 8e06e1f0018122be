/* SPDX-License-Identifier: Apache-2.0
 * Threads and children that are born while their maker ends or becomes another program.
 *
 *   threads exit     three threads make threads all the time; the process ends with status 6
 *   threads born     like exit, but the process does not end
 *   threads fork     three threads make children all the time; it ends with status 6
 *   threads parent   three threads make children whose parent is this process's own; status 6
 *   threads exec     like exit, but a thread execs `threads end` instead, which ends with status 6
 *   threads killed   like exit, but it kills itself with SIGKILL
 *   threads again N  N threads wait, and another one execs the same again and again
 *   threads leave    the first thread ends, another one lives on; prints "ready"
 *   threads uring    the same, with a thread of the kernel's before the one that lives on
 *   threads idle     one thread, that waits; prints "ready" */
#include <linux/io_uring.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char **arguments;

static void *nothing(void *unused) { return unused; }

static void *make_threads(void *unused)
{
    for (pthread_t thread;;)
        if (!pthread_create(&thread, NULL, nothing, NULL))
            pthread_join(thread, NULL);
    return unused;
}

static void *make_children(void *flags)
{
    for (;;) {
        long pid = syscall(SYS_clone, *(unsigned long *)flags | SIGCHLD, 0UL, 0UL, 0UL, 0UL);
        if (pid == 0)
            _exit(0);
        waitpid((pid_t)pid, NULL, 0);
    }
}

static void *wait_for_ever(void *unused)
{
    for (;;)
        pause();
    return unused;
}

static void *say_ready(void *unused)
{
    usleep(50000); /* by then the first thread has ended */
    puts("ready");
    fflush(stdout);
    return wait_for_ever(unused);
}

static void *exec_end(void *unused)
{
    usleep(5000);
    execl("/proc/self/exe", "threads", "end", NULL);
    return unused;
}

static void *exec_again(void *unused)
{
    usleep(1000);
    execv("/proc/self/exe", arguments);
    return unused;
}

static void start(int count, void *(*run)(void *), void *argument)
{
    pthread_t thread;
    while (count-- > 0)
        pthread_create(&thread, NULL, run, argument);
}

static void start_kernel_thread(void)
{
    struct io_uring_params params = {.flags = IORING_SETUP_SQPOLL, .sq_thread_idle = 3600000};
    if (syscall(SYS_io_uring_setup, 8, &params) < 0)
        puts("refused"); /* no io_uring here */
}

int main(int count, char **words)
{
    static unsigned long plain, of_parent = CLONE_PARENT;
    const char *what = count > 1 ? words[1] : "";
    arguments = words;
    if (strcmp(what, "end") == 0)
        return 6;
    if (strcmp(what, "fork") == 0)
        start(3, make_children, &plain);
    else if (strcmp(what, "parent") == 0)
        start(3, make_children, &of_parent);
    else if (strcmp(what, "again") == 0)
        start(count > 2 ? atoi(words[2]) : 0, wait_for_ever, NULL);
    else if (strcmp(what, "exit") == 0 || strcmp(what, "exec") == 0 || strcmp(what, "killed") == 0 ||
             strcmp(what, "born") == 0)
        start(3, make_threads, NULL);
    if (strcmp(what, "exec") == 0)
        start(1, exec_end, NULL);
    if (strcmp(what, "again") == 0)
        start(1, exec_again, NULL);
    if (strcmp(what, "exec") == 0 || strcmp(what, "again") == 0 || strcmp(what, "born") == 0)
        wait_for_ever(NULL);
    if (strcmp(what, "uring") == 0)
        start_kernel_thread();
    if (strcmp(what, "leave") == 0 || strcmp(what, "uring") == 0) {
        start(1, say_ready, NULL);
        pthread_exit(NULL);
    }
    if (strcmp(what, "idle") == 0)
        say_ready(NULL);
    usleep(5000);
    if (strcmp(what, "killed") == 0)
        kill(getpid(), SIGKILL);
    exit(6);
}
