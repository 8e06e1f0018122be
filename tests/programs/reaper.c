/* SPDX-License-Identifier: Apache-2.0
 * reaper COMMAND…: runs a command and becomes the parent of whatever that leaves behind. Prints
 * "PID main|other exit|signal NUMBER" for each of its children that ends, until there is none. */
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int status;
    pid_t pid, command;
    if (argc < 2 || prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L))
        return 2;
    command = fork();
    if (command == 0) {
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    while ((pid = wait(&status)) > 0) {
        printf("%d %s %s %d\n", (int)pid, pid == command ? "main" : "other",
               WIFEXITED(status) ? "exit" : "signal",
               WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        fflush(stdout);
    }
    return 0;
}
