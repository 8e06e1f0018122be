/* SPDX-License-Identifier: Apache-2.0
 * A library whose constructor, which runs before the program's entry point, does what the environment
 * variable CONSTRUCTOR says; what came of it goes to the variable CONSTRUCTED. */
#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static char *stray; /* an address that faults until the handler has mapped it */

static void leave(int signal) { _exit(signal == SIGTERM ? 3 : 4); }
static void count(int signal)
{
    static int times;
    (void)signal;
    if (++times == 5)
        _exit(42);
}
static void pass(int signal) { (void)signal; }
static void repair(int signal)
{
    (void)signal;
    mprotect(stray, 4096, PROT_READ | PROT_WRITE);
}

static void *forever(void *unused)
{
    for (;;)
        pause();
    return unused;
}

static void *nothing(void *unused) { return unused; }

static void *churn(void *unused)
{
    for (pthread_t thread;;)
        if (!pthread_create(&thread, NULL, nothing, NULL))
            pthread_join(thread, NULL);
    return unused;
}

static void start_threads(void *(*run)(void *))
{
    pthread_t thread;
    for (int i = 0; i < 3; i++)
        pthread_create(&thread, NULL, run, NULL);
}

static void constructed(const char *what, int number)
{
    char text[64];
    snprintf(text, sizeof text, "%s %d", what, number);
    setenv("CONSTRUCTED", text, 1);
}

static void fork_child(int code)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(code);
    waitpid(pid, &status, 0);
    constructed("child", WEXITSTATUS(status));
}

/* Both go on to main, or only the child does. */
static void fork_on(int parent_ends)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        constructed("child", 0);
        return;
    }
    if (parent_ends)
        _exit(0);
    waitpid(pid, &status, 0);
    constructed("child's end", status);
}

static void change_mask(int how, int signal)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    sigprocmask(how, &set, NULL);
}

static void handle(int signal, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigaction(signal, &action, NULL);
}

static void look_at_entry(void)
{
    const ElfW(Phdr) *headers = (const void *)(uintptr_t)getauxval(AT_PHDR);
    uintptr_t base = (uintptr_t)headers - headers[0].p_vaddr; /* PT_PHDR comes first */
    const ElfW(Ehdr) *file = (const void *)((uintptr_t)headers - sizeof(ElfW(Ehdr)));
    constructed("entry right", getauxval(AT_ENTRY) == base + file->e_entry);
}

static void fault(void)
{
    stray = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    handle(SIGSEGV, repair);
    *stray = 1;
    constructed("fault repaired", *stray);
}

static void tick(void)
{
    struct itimerval timer = {{0, 200}, {0, 200}};
    handle(SIGALRM, pass);
    setitimer(ITIMER_REAL, &timer, NULL);
}

__attribute__((constructor)) static void construct(void)
{
    const char *what = getenv("CONSTRUCTOR");
#define CASE(name) else if (!strcmp(what, name))
    if (!what)
        return;
    CASE("threads") start_threads(forever);
    CASE("churn") start_threads(churn);
    CASE("fork") fork_child(7);
    CASE("system") constructed("system", system("exit 9"));
    CASE("fork-on") fork_on(0);
    CASE("daemon") fork_on(1);
    CASE("block-usr1") change_mask(SIG_BLOCK, SIGUSR1);
    CASE("block-segv") change_mask(SIG_BLOCK, SIGSEGV);
    CASE("unblock-segv") change_mask(SIG_UNBLOCK, SIGSEGV);
    CASE("ignore-segv") signal(SIGSEGV, SIG_IGN);
    CASE("default-segv") signal(SIGSEGV, SIG_DFL);
    CASE("handle-segv") handle(SIGSEGV, leave);
    CASE("handle-and-block-segv")
    {
        handle(SIGSEGV, leave);
        change_mask(SIG_BLOCK, SIGSEGV);
    }
    CASE("handle-term") handle(SIGTERM, leave);
    CASE("count") handle(SIGRTMIN, count);
    CASE("raise-term")
    {
        handle(SIGTERM, leave);
        raise(SIGTERM);
    }
    CASE("write") (void)!write(1, "constructed\n", 12);
    CASE("exec") execl(getenv("CONSTRUCTOR_EXEC"), "executed", getenv("CONSTRUCTOR_FILE"), "exit=6", NULL);
    CASE("exit") exit(5);
    CASE("entry") look_at_entry();
    CASE("fault") fault();
    CASE("tick") tick();
    CASE("close-and-wait")
    {
        close(STDOUT_FILENO);
        forever(NULL);
    }
}
