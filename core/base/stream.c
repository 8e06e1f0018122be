/* SPDX-License-Identifier: Apache-2.0 */
#include "base/stream.h"

#include "base/clock.h"
#include "base/ending.h"
#include "base/library.h"
#include "base/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define END_MS    1000
#define BACKLOG   1
#define SLICE_MS  1000 /* how often a wait looks whether this process is about to end */

/* Waits until `fd` is ready for `events`, or has failed. */
static int wait_for(int fd, short events, int64_t deadline)
{
    for (;;) {
        struct pollfd one = {.fd = fd, .events = events};
        int left = clock_left(deadline);
        int n = poll(&one, 1, left < 0 || left > SLICE_MS ? SLICE_MS : left);
        if (n > 0)
            return 0;
        if (ending_signal())
            return -EINTR;
        if (n < 0 && errno != EINTR)
            return -errno;
        if (clock_is_past(deadline))
            return -ETIMEDOUT;
    }
}

/* ---- places ---- */

union address {
    struct sockaddr any;
    struct sockaddr_un path;
    struct sockaddr_storage storage;
};

static int path_address(const char *path, union address *address, socklen_t *size)
{
    memset(address, 0, sizeof *address);
    address->path.sun_family = AF_UNIX;
    size_t length = strlen(path);
    if (length >= sizeof address->path.sun_path)
        return -ENAMETOOLONG;
    memcpy(address->path.sun_path, path, length + 1);
    *size = sizeof address->path;
    return 0;
}

/* Turns a place into an address. */
static int find(const struct stream_place *place, union address *address, socklen_t *size)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    if (place->path)
        return path_address(place->path, address, size);
    library_limit_lookup("hosts", "files dns");
    int err = getaddrinfo(place->host, place->port, &hints, &found);
    if (err)
        return err == EAI_SYSTEM ? -errno : err == EAI_MEMORY ? -ENOMEM : -EADDRNOTAVAIL;
    memcpy(address, found->ai_addr, found->ai_addrlen);
    *size = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

/* Makes a socket for a place, and gives the place's address. */
static int make_socket(const struct stream_place *place, union address *address, socklen_t *size)
{
    int err = find(place, address, size);
    if (err)
        return err;
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd < 0 ? -errno : fd;
}

/* Closes `fd` for a failure, and gives that. */
static int give_up(int fd, int err)
{
    close(fd);
    return err;
}

int stream_listen(const struct stream_place *place)
{
    union address address = {0};
    socklen_t size = 0;
    const int one = 1;
    int fd = make_socket(place, &address, &size);
    if (fd < 0)
        return fd;
    if (!place->path)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, &address.any, size) < 0 || listen(fd, BACKLOG) < 0)
        return give_up(fd, -errno);
    return fd;
}

int stream_port(int fd)
{
    union address address = {0};
    char port[8];
    socklen_t size = sizeof address;
    if (getsockname(fd, &address.any, &size) < 0 || address.any.sa_family == AF_UNIX ||
        getnameinfo(&address.any, size, NULL, 0, port, sizeof port, NI_NUMERICSERV))
        return 0;
    return (int)strtol(port, NULL, 10);
}

/* gdb's packets are small, and are answered at once. */
static void hurry(int fd)
{
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

int stream_accept(int fd, int64_t deadline)
{
    for (;;) {
        int err = wait_for(fd, POLLIN, deadline);
        if (err)
            return err;
        int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (peer >= 0)
            hurry(peer);
        if (peer >= 0 || (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED))
            return peer < 0 ? -errno : peer;
    }
}

int stream_connect(const struct stream_place *place, int64_t deadline)
{
    union address address = {0};
    socklen_t size = 0;
    int fd = make_socket(place, &address, &size), failure = 0;
    if (fd < 0)
        return fd;
    if (connect(fd, &address.any, size) < 0) {
        int err = errno == EINPROGRESS ? wait_for(fd, POLLOUT, deadline) : -errno;
        if (err)
            return give_up(fd, err);
        size = sizeof failure;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) < 0 || failure)
            return give_up(fd, -(failure ? failure : errno));
    }
    hurry(fd);
    return fd;
}

/* ---- commands ---- */

/* The command is in a process group of its own: Ctrl-C at a terminal is not meant for it. */
static int spawn(const char *command, int fd, pid_t *pid)
{
    static char shell[] = "sh", option[] = "-c";
    char *const argv[] = {shell, option, (char *)(uintptr_t)command, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&files, fd, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, fd, STDOUT_FILENO);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    int err = posix_spawn(pid, "/bin/sh", &files, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return -err;
}

int stream_spawn(const char *command, pid_t *pid)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    int err = spawn(command, ends[1], pid);
    close(ends[1]);
    if (!err && fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
        err = -errno;
    return err ? give_up(ends[0], err) : ends[0];
}

void stream_end(pid_t pid)
{
    int64_t deadline = clock_deadline(END_MS);
    pid_t found;
    while ((found = waitpid(pid, NULL, WNOHANG)) == 0 || (found < 0 && errno == EINTR)) {
        if (clock_is_past(deadline))
            kill(-pid, SIGKILL);
        clock_sleep(2000000);
    }
}

/* ---- bytes ---- */

ssize_t stream_read(int fd, void *bytes, size_t size, int64_t deadline)
{
    for (;;) {
        int err = wait_for(fd, POLLIN, deadline);
        if (err)
            return err;
        ssize_t n = read(fd, bytes, size);
        if (n < 0 && errno == ECONNRESET)
            return 0;
        if (n >= 0 || (errno != EAGAIN && errno != EINTR))
            return n < 0 ? -errno : n;
    }
}

/* Writes to a pipe or the like, which cannot be asked not to block: one that is ready takes so much
 * without blocking. */
static ssize_t write_to_pipe(int fd, const void *bytes, size_t size, int64_t deadline)
{
    struct signals before;
    int err = wait_for(fd, POLLOUT, deadline);
    if (err)
        return err;
    signals_hold(&before);
    ssize_t n = write(fd, bytes, size < PIPE_BUF ? size : PIPE_BUF);
    int failure = errno;
    signals_release(&before);
    return n < 0 ? -failure : n;
}

static ssize_t write_some(int fd, const void *bytes, size_t size, int64_t deadline)
{
    ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == ENOTSOCK)
        return write_to_pipe(fd, bytes, size, deadline);
    if (n < 0 && errno == EAGAIN)
        return wait_for(fd, POLLOUT, deadline);
    return n < 0 ? -errno : n;
}

int stream_write(int fd, const void *bytes, size_t size, int64_t deadline)
{
    const char *from = bytes;
    while (size > 0) {
        ssize_t n = write_some(fd, from, size, deadline);
        if (n < 0 && n != -EAGAIN && n != -EINTR)
            return n == -ECONNRESET ? -EPIPE : (int)n;
        if (n < 0 && ending_signal())
            return -EINTR;
        from += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}
