/* SPDX-License-Identifier: Apache-2.0
 * Starts processes that become nothing else, with text enough to be remapped.
 *   forking children COUNT SIGNALS   COUNT children, one after the other; each takes its share of SIGNALS
 *   forking serve                    a server on a port of the loopback interface, which it prints; a child for
 *                                    each request tells who traces it and how much of its text is huge, in KiB
 *   forking loop                     a child a millisecond, until it is killed */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

__asm__(".text\n.balign 4096\n.fill 4 << 17, 8, 0x89abcdef\n.previous\n");

static volatile sig_atomic_t taken;

static void take(int signal)
{
    (void)signal;
    taken = taken + 1;
}

static int child(int signals)
{
    for (int i = 0; i < signals; i++)
        kill(getpid(), SIGUSR1); /* delivered before kill returns */
    return taken == signals ? 7 : 1;
}

static int children(int count, int signals)
{
    int sum = 0;
    signal(SIGUSR1, take);
    for (int i = 0; i < count; i++) {
        int status = 0;
        pid_t pid = fork();
        if (pid == 0)
            _exit(child(signals / count));
        if (pid < 0 || waitpid(pid, &status, 0) != pid)
            return perror("forking"), 1;
        sum += WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    printf("%d\n", sum);
    return 0;
}

/* The sum of a field's numbers in a file of /proc/self; only in what is executable, in smaps. */
static long field(const char *path, const char *name)
{
    char line[512];
    long sum = 0;
    int counts = 1;
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        char perms[5];
        if (sscanf(line, "%*[0-9a-f]-%*[0-9a-f] %4s", perms) == 1)
            counts = perms[2] == 'x';
        if (counts && strncmp(line, name, strlen(name)) == 0)
            sum += strtol(line + strlen(name), NULL, 10);
    }
    if (file)
        fclose(file);
    return sum;
}

static void answer(int fd)
{
    char request[4096];
    if (read(fd, request, sizeof request) > 0)
        dprintf(fd, "HTTP/1.0 200 OK\r\n\r\n%ld %ld %d", field("/proc/self/status", "TracerPid:"),
                field("/proc/self/smaps", "FilePmdMapped:") + field("/proc/self/smaps", "AnonHugePages:"),
                (int)getpid());
    close(fd);
}

static int serve(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    signal(SIGCHLD, SIG_IGN); /* nobody waits for them */
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 64) ||
        getsockname(listener, (struct sockaddr *)&address, &size))
        return 1;
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0 && fork() == 0) {
            answer(fd);
            _exit(0);
        }
        close(fd);
    }
}

static int loop(void)
{
    for (;;) {
        if (fork() == 0)
            _exit(0);
        wait(NULL);
        usleep(1000);
    }
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "children") == 0)
        return children(atoi(argv[2]), atoi(argv[3]));
    if (argc == 2 && strcmp(argv[1], "serve") == 0)
        return serve();
    return argc == 2 && strcmp(argv[1], "loop") == 0 ? loop() : 2;
}
