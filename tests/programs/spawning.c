/* SPDX-License-Identifier: Apache-2.0
 * Starts children, with enough text to be moved and remapped itself:  spawning HOW COUNT
 * HOW is vfork, spawn, system, popen; or again: executes itself COUNT times over, by /proc/self/exe.
 * Prints the sum of what the children told. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

__asm__(".text\n.balign 4096\n.fill 4 << 17, 8, 0x89abcdef\n.previous\n");

static char self[] = "/proc/self/exe";

static int status_of(pid_t pid)
{
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1000;
}

__attribute__((noinline)) static int by_vfork(void)
{
    char *words[] = {self, (char[]){"child"}, NULL};
    pid_t pid = vfork();
    if (pid == 0) {
        execv(self, words);
        _exit(127);
    }
    return status_of(pid);
}

static int by_spawn(void)
{
    char *words[] = {self, (char[]){"child"}, NULL};
    pid_t pid;
    return posix_spawn(&pid, self, NULL, NULL, words, environ) == 0 ? status_of(pid) : -1;
}

static int by_system(void)
{
    int status = system("exit 7");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int by_popen(void)
{
    int number = 0;
    FILE *pipe = popen("echo 7", "r");
    if (!pipe || fscanf(pipe, "%d", &number) != 1)
        number = -1;
    return pipe && pclose(pipe) == 0 ? number : -1;
}

static int again(int count)
{
    char text[32];
    snprintf(text, sizeof text, "%d", count - 1);
    if (count > 0)
        execl(self, self, "again", text, (char *)NULL);
    return puts("end") == EOF;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*start)(void);
    } ways[] = {{"vfork", by_vfork}, {"spawn", by_spawn}, {"system", by_system}, {"popen", by_popen}};
    int count = argc > 2 ? atoi(argv[2]) : 0, sum = 0;
    if (strcmp(argv[1], "child") == 0)
        return 7;
    if (strcmp(argv[1], "again") == 0)
        return again(count);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        for (int n = 0; strcmp(argv[1], ways[i].name) == 0 && n < count; n++)
            sum += ways[i].start();
    printf("%d\n", sum);
    return 0;
}
