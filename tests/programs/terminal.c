/* SPDX-License-Identifier: Apache-2.0
 * A person at a terminal: `terminal EXPECT SEND EXPECT SEND ... -- CMD ARG...` starts CMD on a new
 * terminal, and each time it has written EXPECT, types SEND. Prints all that was written. With an
 * exit status of 1 when an expected text did not come in 10 seconds. */
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char text[65536];
static size_t length, seen;

/* Reads more. 0: there is no more, or none came for a long time. */
static int read_more(int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    if (poll(&poller, 1, 60000) <= 0 || length >= sizeof text - 1)
        return 0;
    ssize_t n = read(fd, text + length, sizeof text - 1 - length);
    length += n > 0 ? (size_t)n : 0;
    return n > 0;
}

static int expect(int fd, const char *what)
{
    for (;;) {
        const char *at = strstr(text + seen, what);
        if (at) {
            seen = (size_t)(at - text) + strlen(what);
            return 1;
        }
        if (!read_more(fd))
            return 0;
    }
}

int main(int argc, char **argv)
{
    int fd, first = 1, ok = 1;
    while (first < argc && strcmp(argv[first], "--"))
        first++;
    if (first + 1 >= argc)
        return 99;
    pid_t pid = forkpty(&fd, NULL, NULL, NULL);
    if (pid == 0) {
        execvp(argv[first + 1], argv + first + 1);
        _exit(127);
    }
    for (int i = 1; i < first && ok; i += 2) {
        ok = expect(fd, argv[i]);
        if (ok && i + 1 < first)
            ok = write(fd, argv[i + 1], strlen(argv[i + 1])) >= 0;
    }
    while (ok && read_more(fd))
        ;
    fputs(text, stdout);
    if (!ok)
        kill(pid, SIGHUP);
    close(fd);
    waitpid(pid, NULL, 0);
    return !ok;
}
