/* SPDX-License-Identifier: Apache-2.0
 * Looks whether it is all where it should be, after it has been moved: relocated data, bss, the
 * auxiliary vector, unwinding, the heap. Prints "right BASE", or what is wrong.
 *   moved [become FILE] [brk] [far] [spawn] [quiet] [quick] [wait] [again]: become FILE at the end; also grow the heap by 1.2 GB; tell how many GiB of
 *   64 it could grow; start 300 children; say nothing
 *   when all is right; do not read all of the text; wait to be killed; the same, and look at its data again
 *   at each SIGUSR1 */
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef TEXT_MIB
#define TEXT_MIB 6
#endif
#ifndef BSS
#define BSS 20000
#endif
#define FILLER 0x89abcdef
#define TEXT_OF(x) #x
#define STRING_OF(x) TEXT_OF(x)

__asm__(".text\n"
        ".balign 4096\n"
        ".globl filler\n"
        "filler:\n"
        ".fill " STRING_OF(TEXT_MIB) " << 17, 8, 0x89abcdef\n"
        ".globl filler_end\n"
        "filler_end:\n"
#ifdef TEXTREL
        ".quad main\n"
#endif
        ".previous\n");

extern const unsigned long filler[], filler_end[];
extern char etext, edata;
void _start(void);
int main(int argc, char **argv);

static char zeros[BSS];
static char marks[160 << 10] = {[0 ... (160 << 10) - 1] = 0x55};
static int depth_seen;
#ifdef TLS
static _Thread_local char thread_data[1 << 20] = {[0 ... (1 << 20) - 1] = 0x66}, thread_zeros[TLS];
#endif

/* Linked in front, where bfd puts .text.unlikely: within the whole huge pages. */
__attribute__((noinline, noclone, section(".text.unlikely"))) int one(void);
int one(void) { return 1; }
static int two(void) { return 2; }
#ifdef IFUNC
static int (*resolve_three(void))(void) { return two; }
int three(void) __attribute__((ifunc("resolve_three")));
#endif
static int (*const volatile functions[])(void) = {one, two};
static const char *volatile const words[] = {"relocated", "strings"};

static void check(int holds, const char *what)
{
    if (holds)
        return;
    printf("wrong: %s\n", what);
    exit(1);
}

static int first_object(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    *(struct dl_phdr_info *)data = *info;
    return 1;
}

#ifdef TLS
static void check_thread_data(void)
{
    for (size_t i = 0; i < sizeof thread_data; i += 64)
        check(thread_data[i] == 0x66, "thread data");
    for (size_t i = 0; i < sizeof thread_zeros; i += 4096)
        check(thread_zeros[i] == 0, "thread zeros");
    thread_zeros[sizeof thread_zeros - 1] = 1;
}
#endif

static void check_data(int quick)
{
    check(functions[0]() == 1 && functions[1]() == 2, "function pointers");
    check(strcmp(words[0], "relocated") == 0 && strcmp(words[1], "strings") == 0, "string pointers");
    for (size_t i = 0; i < sizeof zeros; i += i < 20000 ? 1 : 1 << 20)
        check(zeros[i] == 0, "bss");
    zeros[sizeof zeros - 1] = 1;
    for (const unsigned long *at = filler; at < filler_end; at += quick ? 4096 : 1)
        check(*at == FILLER, "text");
#ifdef TLS
    check_thread_data();
#endif
#ifdef IFUNC
    check(three() == 2, "ifunc");
#endif
#ifdef TEXTREL
    check(*(void *const *)filler_end == (void *)main, "relocated text");
#endif
}

static void check_vector(struct dl_phdr_info *info)
{
    char bytes[4096];
    check((const void *)getauxval(AT_PHDR) == info->dlpi_phdr, "AT_PHDR");
    check(getauxval(AT_ENTRY) == (unsigned long)_start, "AT_ENTRY");
    int fd = open("/proc/self/auxv", O_RDONLY);
    ssize_t size = read(fd, bytes, sizeof bytes);
    close(fd);
    char **end = environ; /* on the stack the vector follows the environment */
    while (*end++)
        ;
    check(size > 0 && memcmp(bytes, end, (size_t)size) == 0, "/proc/self/auxv");
}

static void check_stat(void)
{
    char text[4096] = "";
    unsigned long start_code, end_code, start_data, end_data;
    int fd = open("/proc/self/stat", O_RDONLY);
    check(read(fd, text, sizeof text - 1) > 0, "/proc/self/stat");
    close(fd);
    sscanf(strrchr(text, ')') + 1,
           " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"
           " %*s %lu %lu %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu",
           &start_code, &end_code, &start_data, &end_data);
    check(start_code <= (unsigned long)main && (unsigned long)main < end_code, "start_code, end_code");
    unsigned long last = (unsigned long)&marks[sizeof marks - 1];
    check(start_data <= last && last < end_data, "start_data, end_data");
    check(end_data == (unsigned long)&edata, "end_data");
}

static void check_unwinding(void)
{
    void *frames[16];
    int count = backtrace(frames, 16);
    unsigned long start = (unsigned long)main;
    for (int i = 0; i < count; i++)
        depth_seen += (unsigned long)frames[i] - start < 4096;
    check(depth_seen > 0, "backtrace");
#ifndef STATIC
    Dl_info found;
    check(dladdr((void *)main, &found) && found.dli_sname && strcmp(found.dli_sname, "main") == 0, "dladdr");
#endif
}

static void check_heap(void)
{
    const intptr_t step = 64 << 20;
    char *start = sbrk(0);
    for (int i = 0; i < 19; i++) {
        char *at = sbrk(step);
        check(at == start + i * step, "the heap grows");
        at[0] = at[step - 1] = 1;
    }
    check(sbrk(-19 * step) == start + 19 * step, "the heap shrinks");
}

/* Pieces too small for malloc to map each by itself. */
static void check_malloc(void)
{
    enum { PIECES = 3000, SIZE = 100000 };
    static char *pieces[PIECES];
    for (int i = 0; i < PIECES; i++) {
        pieces[i] = malloc(SIZE);
        check(pieces[i] && pieces[i] < (char *)sbrk(0), "malloc from the heap");
        pieces[i][0] = pieces[i][SIZE - 1] = (char)i;
    }
    for (int i = 0; i < PIECES; i++) {
        check(pieces[i][0] == (char)i && pieces[i][SIZE - 1] == (char)i, "malloc'd memory");
        free(pieces[i]);
    }
}

static void tell_how_far(void)
{
    const intptr_t gib = 1 << 30;
    int count = 0;
    while (count < 64 && sbrk(gib) != (void *)-1)
        count++;
    sbrk(-count * gib);
    printf("far %d\n", count);
}

__attribute__((noinline)) static pid_t start_child(char **argv, int with_vfork)
{
    pid_t pid = with_vfork ? vfork() : fork();
    if (pid == 0) {
        execl(argv[0], argv[0], "child", (char *)NULL);
        _exit(127);
    }
    return pid;
}

static void check_children(char **argv)
{
    for (int i = 0; i < 300; i++) {
        int status = 1;
        waitpid(start_child(argv, i % 2), &status, 0);
        check(WIFEXITED(status) && WEXITSTATUS(status) == 7, "a child");
    }
}

static int has(char **argv, const char *word)
{
    for (int i = 1; argv[i]; i++)
        if (strcmp(argv[i], word) == 0)
            return 1;
    return 0;
}

int main(int argc, char **argv)
{
    struct dl_phdr_info info;
    sigset_t signals;
    int number;
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    if (has(argv, "child"))
        return 7;
    dl_iterate_phdr(first_object, &info);
    check_data(has(argv, "quick"));
    check_vector(&info);
    check_stat();
    check_unwinding();
    if (has(argv, "brk")) {
        check_heap();
        check_malloc();
    }
    if (has(argv, "far"))
        tell_how_far();
    if (has(argv, "spawn"))
        check_children(argv);
    unsigned long sum = 0;
    for (size_t i = 0; i < sizeof marks; i++)
        sum = sum * 31 + (unsigned char)marks[i];
    if (!has(argv, "quiet"))
        printf("right %#lx %lx\n", (unsigned long)info.dlpi_addr, sum);
    fflush(stdout);
    while (has(argv, "again") && sigwait(&signals, &number) == 0)
        check(functions[0]() == 1, "function pointers");
    if (argc > 2 && !strcmp(argv[1], "become"))
        execl(argv[2], argv[2], "wait", NULL);
    while (has(argv, "wait"))
        pause();
    return 0;
}
