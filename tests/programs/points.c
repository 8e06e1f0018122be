/* SPDX-License-Identifier: Apache-2.0
 * What breakpoints, watchpoints and steps are tried on; the first argument says what it does, N is
 * the second one:
 *
 *   calls N    calls `marker` N times, and says so
 *   threads N  four threads do so
 *   spin       they do so until they are killed
 *   writes N   four threads each write N times to `watched`; with "reads" they read it
 *   fork       three children call `marker`; the last becomes /bin/true
 *   getppid N  four threads make N system calls
 *   raw HOW    makes one system call by the instruction at `raw_insn`: exec, thread, fork, exit
 *   waits      one thread waits by the instruction at `raw_insn` for what another writes at last
 *   odd        executes instructions that are unlike others under a single step
 *   again      becomes itself once more
 *   patch      writes over the first instruction of `patched`, and calls it */
#include "arch.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

volatile int counter;
volatile long watched;
char banner[64] = "a banner to be watched";

__attribute__((noinline)) int marker(int value)
{
    __atomic_add_fetch(&counter, 1, __ATOMIC_SEQ_CST);
    __asm__ volatile("");
    return value * 3;
}

/* long raw_call(number, a, b, c): a child that it makes ends at once. */
long raw_call(long number, long a, long b, long c);
#ifdef __x86_64__
__asm__(".globl raw_call, raw_insn\n"
        "raw_call: mov %rdi, %rax; mov %rdi, %r9; mov %rsi, %rdi; mov %rdx, %rsi\n"
        "mov %rcx, %rdx; xor %r10d, %r10d; xor %r8d, %r8d\n"
        "raw_insn: syscall\n"
        "cmp $56, %r9; jne 1f; test %rax, %rax; jnz 1f\n"
        "mov $60, %eax; xor %edi, %edi; syscall\n"
        "1: ret\n");
#else
__asm__(".globl raw_call, raw_insn\n"
        "raw_call: mov x8, x0; mov x0, x1; mov x1, x2; mov x2, x3; mov x3, #0; mov x4, #0\n"
        "raw_insn: svc #0\n"
        "cmp x8, #220; b.ne 1f; cbnz x0, 1f\n"
        "mov x8, #93; mov x0, #0; svc #0\n"
        "1: ret\n");
#endif

static void *call_marker(void *times)
{
    for (long i = 0; i < (long)times || (long)times < 0; i++)
        marker((int)i);
    return NULL;
}

static void *write_watched(void *times)
{
    for (long i = 0; i < (long)times; i++)
        __atomic_add_fetch(&watched, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void *read_watched(void *times)
{
    for (long i = 0; i < (long)times; i++)
        (void)watched;
    return NULL;
}

static void *call_getppid(void *times)
{
    for (long i = 0; i < (long)times; i++)
        syscall(SYS_getppid);
    return NULL;
}

static int run_four(void *(*work)(void *), long times)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, work, (void *)times);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

static int fork_three(void)
{
    int ends[3];
    for (int i = 0; i < 3; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            marker(i);
            if (i == 2)
                execl("/bin/true", "true", NULL);
            _exit(i);
        }
        waitpid(pid, &ends[i], 0);
    }
    printf("ends %x %x %x\n", ends[0], ends[1], ends[2]);
    return 0;
}

static int make_call(const char *how)
{
    static char stack[65536];
    static char *const argv[] = {"/bin/true", NULL};
    enum { THREAD = 0x50f00 }; /* CLONE_VM | FS | FILES | SIGHAND | THREAD | SYSVSEM */
    if (strcmp(how, "exec") == 0)
        raw_call(SYS_execve, (long)argv[0], (long)argv, 0);
    if (strcmp(how, "thread") == 0)
        raw_call(SYS_clone, THREAD, (long)(stack + sizeof stack - 16), 0);
    if (strcmp(how, "fork") == 0)
        raw_call(SYS_clone, SIGCHLD, 0, 0);
    raw_call(SYS_exit_group, 9, 0, 0);
    return 1;
}

static int ends[2];

static void *write_at_last(void *unused)
{
    (void)unused;
    usleep(1000);
    return write(ends[1], "x", 1) == 1 ? &ends : NULL;
}

static int wait_for_it(void)
{
    char byte;
    pthread_t thread;
    if (pipe(ends))
        return 1;
    pthread_create(&thread, NULL, write_at_last, NULL);
    return raw_call(SYS_read, ends[0], (long)&byte, 1) == 1 ? 5 : 1;
}

/* Copies by an instruction that is repeated, and stores the flags. Returns 6 if all is right. */
__attribute__((noinline)) static int be_odd(void)
{
    char copy[sizeof banner] = "";
    uint64_t flags = 0;
#ifdef __x86_64__
    const char *from = banner;
    char *to = copy;
    size_t size = sizeof copy;
    __asm__ volatile(".globl odd_copy, odd_flags\n"
                     "odd_copy: rep movsb\n"
                     "odd_flags: pushfq\n"
                     "pop %3\n"
                     : "+S"(from), "+D"(to), "+c"(size), "=r"(flags)
                     :
                     : "memory");
#else
    memcpy(copy, banner, sizeof copy);
    __asm__ volatile(".globl odd_copy, odd_flags\nodd_copy: nop\nodd_flags: nop\n");
#endif
    return strcmp(copy, banner) == 0 && (flags & 0x100) == 0 ? 6 : 1;
}

/* int patched(int value): one more. */
int patched(int value);
#ifdef __x86_64__
#define NOP "\x90"
__asm__(".globl patched\npatched: ud2; lea 1(%rdi), %eax; ret\n");
#else
#define NOP "\x1f\x20\x03\xd5"
__asm__(".globl patched\npatched: udf #0\nadd w0, w0, #1; ret\n");
#endif

/* Puts instructions that do nothing in place of one that cannot be executed. */
static int patch_itself(void)
{
    uintptr_t at = (uintptr_t)patched;
    marker(0);
    mprotect((void *)(at & ~(uintptr_t)4095), 8192, PROT_READ | PROT_WRITE | PROT_EXEC);
    memcpy((void *)at, NOP NOP, sizeof NOP == 2 ? 2 : 4);
    __builtin___clear_cache((char *)at, (char *)at + 16);
    marker(1);
    return patched(6);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    const char *how = argc > 2 ? argv[2] : "";
    long times = argc > 2 ? atol(argv[2]) : 5;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* if a test ends without its end, so does this */
    if (strcmp(what, "fork") == 0)
        return fork_three();
    if (strcmp(what, "raw") == 0)
        return make_call(how);
    if (strcmp(what, "waits") == 0)
        return wait_for_it();
    if (strcmp(what, "odd") == 0)
        return be_odd();
    if (strcmp(what, "patch") == 0)
        return patch_itself();
    if (strcmp(what, "again") == 0) {
        marker(0);
        execl("/proc/self/exe", "points", "calls", "1", NULL);
    }
    if (strcmp(what, "getppid") == 0)
        return run_four(call_getppid, times);
    if (strcmp(what, "writes") == 0)
        return run_four(write_watched, times);
    if (strcmp(what, "reads") == 0)
        return run_four(read_watched, times);
    if (strcmp(what, "spin") == 0)
        return run_four(call_marker, -1);
    if (strcmp(what, "threads") == 0)
        run_four(call_marker, times);
    else
        call_marker((void *)times);
    printf("counter %d\n", counter);
    return 0;
}
