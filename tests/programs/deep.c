/* SPDX-License-Identifier: Apache-2.0
 * Calls itself deep and stays there, for debuggers; with text enough for huge pages.
 *   deep wait: calls tick() every millisecond, until it is killed
 *   deep trace: prints its own backtrace and what dladdr says
 *   deep exec: becomes /proc/self/exe, which ends with 7
 *   deep spawn: forks a child that ends with 7, and ends with its status
 *   deep end: prints "done" and ends with 3 */
#include <dlfcn.h>
#include <execinfo.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Linked after the functions: these lie within the whole huge pages. */
__asm__(".section .text.filler, \"ax\", @progbits\n.balign 4096\n.fill 3 << 18, 8, 0x89abcdef\n.previous\n");

struct request {
    const char *word;
    int depth;
};

extern char **environ;
void tick(int count);
int inner(const struct request *request);
int middle(const struct request *request, int left);
int outer(const char *word);

__attribute__((noinline)) void tick(int count)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    nanosleep(count < 0 ? NULL : &pause, NULL);
}

static int trace(void)
{
    void *frames[16];
    Dl_info found;
    char **lines = backtrace_symbols(frames, backtrace(frames, 16));
    for (int i = 0; lines && i < 6; i++)
        puts(lines[i]);
    if (dladdr((void *)outer, &found))
        printf("dladdr %s in %s, %#lx above its base\n", found.dli_sname, found.dli_fname,
               (unsigned long)((char *)found.dli_saddr - (char *)found.dli_fbase));
    return 0;
}

__attribute__((noinline)) int inner(const struct request *request)
{
    char *const again[] = {"deep", "child", NULL};
    int status = 0;
    if (strcmp(request->word, "trace") == 0)
        return trace();
    if (strcmp(request->word, "exec") == 0)
        return execve("/proc/self/exe", again, environ);
    if (strcmp(request->word, "spawn") == 0) {
        if (fork() == 0)
            _exit(7);
        wait(&status);
        return WEXITSTATUS(status);
    }
    for (int count = 0; strcmp(request->word, "wait") == 0; count++)
        tick(count);
    puts("done");
    return 3;
}

__attribute__((noinline)) int middle(const struct request *request, int left)
{
    int result = left > 0 ? middle(request, left - 1) : inner(request);
    return result + (request->depth < 0);
}

__attribute__((noinline)) int outer(const char *word)
{
    struct request request = {.word = word, .depth = 3};
    return middle(&request, request.depth) + (request.depth < 0);
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "end";
    return strcmp(word, "child") == 0 ? 7 : outer(word);
}
