/* SPDX-License-Identifier: Apache-2.0
 * Streams of bytes to and from another program: sockets, and pairs of pipes. Nothing here blocks
 * beyond a deadline, which is one of base/clock.h. All descriptors are close-on-exec.
 *
 * Functions return 0 or more, or -errno; -ETIMEDOUT; -EINTR: this process is about to end
 * (base/ending.h). */
#ifndef TIEXEC_STREAM_H
#define TIEXEC_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Where a socket is, or is to be: a host by its name or number and a port by its number, or the
 * path of a socket of this host. */
struct stream_place {
    const char *host, *port, *path; /* `path` is NULL, or the others are */
};

/* Listens at a place; port "0" takes one that is free. Gives a descriptor. */
int stream_listen(const struct stream_place *place);

/* Gives the port that a socket listens at; 0: it is a path. */
int stream_port(int fd);

/* Waits for one peer, and gives a descriptor for it. */
int stream_accept(int fd, int64_t deadline);

int stream_connect(const struct stream_place *place, int64_t deadline);

/* Runs a shell command whose standard input and output are the other end of the stream. Gives a
 * descriptor; *pid is that of the shell, which the caller collects (stream_end). */
int stream_spawn(const char *command, pid_t *pid);

/* Ends such a command: it gets a second to end by itself, and SIGKILL then. */
void stream_end(pid_t pid);

/* Reads what there is, up to `size` bytes. 0: the peer has closed its end. */
ssize_t stream_read(int fd, void *bytes, size_t size, int64_t deadline);

/* Writes all of it. -EPIPE: the peer is gone. No signal comes of that. */
int stream_write(int fd, const void *bytes, size_t size, int64_t deadline);

#endif
