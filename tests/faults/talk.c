/* SPDX-License-Identifier: Apache-2.0 */
#include "talk.h"

#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE 1.0 /* seconds */

static void hang_up(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void talk_begin(struct talk *talk, const char *path)
{
    static char text[8192];
    int ends[2];
    *talk = (struct talk){.fd = -1, .server_fd = -1, .rest = text, .is_answered = true};
    if (!path)
        return;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = read(fd, text, sizeof text - 1);
    if (size < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        exit(2);
    text[size] = '\0';
    close(fd);
    talk->fd = ends[0];
    talk->server_fd = ends[1];
    fcntl(talk->fd, F_SETFL, O_NONBLOCK);
}

/* Takes in answers. Packets end with '#' and two digits. */
static void listen_to(struct talk *talk)
{
    char bytes[4096];
    ssize_t n;
    while ((n = recv(talk->fd, bytes, sizeof bytes, 0)) > 0)
        talk->is_answered |= memchr(bytes, '#', (size_t)n) != NULL;
    if (n == 0 || errno != EAGAIN)
        hang_up(&talk->fd);
}

static void say(struct talk *talk)
{
    size_t length = strcspn(talk->rest, "\n");
    ssize_t sent = length ? send(talk->fd, talk->rest, length, MSG_NOSIGNAL) : 0;
    talk->rest += length + (talk->rest[length] == '\n');
    talk->said_at = now();
    talk->is_answered = false;
    if (sent <= 0)
        hang_up(&talk->fd);
}

void talk_step(struct talk *talk)
{
    hang_up(&talk->server_fd); /* the server has it */
    if (talk->fd < 0)
        return;
    listen_to(talk);
    if (talk->fd >= 0 && talk->is_answered)
        say(talk);
    else if (now() > talk->said_at + PATIENCE)
        hang_up(&talk->fd);
}

void talk_end(struct talk *talk)
{
    hang_up(&talk->fd);
    hang_up(&talk->server_fd);
}
