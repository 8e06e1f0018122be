/* SPDX-License-Identifier: Apache-2.0
 * A program with 6 MiB of text, some pages of which get a property (argv[1]) that is easily lost. It says
 * "ready", and runs through its text until it is killed. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined __x86_64__
__asm__(".pushsection .text\n.balign 16\n.globl fat\nfat: .fill 6<<20, 1, 0x90\nret\n.popsection");
#else
__asm__(".pushsection .text\n.balign 16\n.globl fat\nfat: .fill (6<<20)/4, 4, 0xd503201f\nret\n.popsection");
#endif
extern void fat(void);

#define SEAL 462 /* mseal(2), Linux 6.10 */

static char *page(size_t at) { return (char *)(((uintptr_t)fat + at) & ~(uintptr_t)4095); }

static int seal(void *address, size_t size) { return (int)syscall(SEAL, address, size, 0); }

/* Locks the text from its first huge page on. Then gives up the right to lock more than that, but for
 * `spare` bytes. */
static int lock_limited(long spare)
{
    char *first = (char *)((uintptr_t)page(0) & ~(uintptr_t)0x1fffff);
    size_t size = (6 << 20) + 4096;
    struct rlimit limit = {(rlim_t)((long)size + spare), (rlim_t)((long)size + spare)};
    return mlock(first, size) || setrlimit(RLIMIT_MEMLOCK, &limit) || setuid(65534) ||
           prctl(PR_SET_DUMPABLE, 1);
}

static int run(void *unused)
{
    for (;;)
        fat();
    return unused != NULL;
}

/* Starts another process, not a thread, with the same memory. Says so when it ends. */
static int share(void)
{
    static char stack[1 << 16];
    int status, pid = clone(run, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
    if (pid < 0)
        return -1;
    puts("ready");
    fflush(stdout);
    printf("ended %d\n", waitpid(pid, &status, 0) == pid);
    return -1;
}

static int set(const char *property)
{
    const size_t some = 4 << 20;
    if (strcmp(property, "mlockall") == 0)
        return mlockall(MCL_CURRENT | MCL_FUTURE);
    if (strcmp(property, "mlock") == 0)
        return mlock(page(1 << 20), some);
    if (strcmp(property, "limited") == 0)
        return lock_limited(0);
    if (strcmp(property, "lowered") == 0)
        return lock_limited(-65536);
    if (strcmp(property, "dontfork") == 0)
        return madvise(page(0), 6 << 20, MADV_DONTFORK);
    if (strcmp(property, "dontdump") == 0)
        return madvise(page(1 << 20), some, MADV_DONTDUMP);
    if (strcmp(property, "sealed") == 0)
        return seal(page(1 << 20), some);
    if (strcmp(property, "mergeable") == 0)
        return prctl(67 /* PR_SET_MEMORY_MERGE, Linux 6.4 */, 1, 0, 0, 0);
    return strcmp(property, "shared") == 0 ? share() : 0;
}

int main(int argc, char **argv)
{
    if (argc < 2 || set(argv[1]))
        return printf("%s\n", strerror(errno)), 1;
    puts("ready");
    fflush(stdout);
    for (;;) {
        fat();
        usleep(1000);
    }
}
