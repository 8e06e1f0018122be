/* SPDX-License-Identifier: Apache-2.0
 * A program with MIB MiB of text, which lies where its file's pages can be huge, and with as many threads and
 * mappings of anonymous memory as it is told.
 *   crowd THREADS MAPPINGS   reads a byte of each page of its text, says "ready", and waits to be killed */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MIB
#define MIB 8
#endif
#define TEXT(number)   #number
#define STRING(number) TEXT(number)

__asm__(".text\n"
        ".balign 4096\n"
        ".globl filler, filler_end\n" // local ones would share one entry of AArch64's GOT
        "filler:\n"
        ".fill " STRING(MIB) " << 17, 8, 0x0123456789abcdef\n"
        "filler_end:\n");

extern const volatile char filler[], filler_end[];

static void *wait_for_ever(void *unused)
{
    for (;;)
        pause();
    return unused;
}

static int start_threads(int count)
{
    pthread_attr_t small;
    pthread_t thread;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 1 << 17);
    for (int i = 1; i < count; i++)
        if (pthread_create(&thread, &small, wait_for_ever, NULL))
            return 1;
    return 0;
}

/* Side by side, since every second one is read-only. */
static int map(size_t count)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *at = mmap(NULL, (count + 1) * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < count && at != MAP_FAILED; i += 2)
        if (mprotect(at + i * page, page, PROT_READ))
            return 1;
    return at == MAP_FAILED;
}

int main(int argc, char **argv)
{
    int sum = 0;
    if (argc < 3 || start_threads(atoi(argv[1])) || map((size_t)atoi(argv[2])))
        return perror("crowd"), 1;
    for (const volatile char *at = filler; at < filler_end; at += 4096)
        sum += *at;
    printf("ready %d\n", sum);
    fflush(stdout);
    wait_for_ever(NULL);
}
