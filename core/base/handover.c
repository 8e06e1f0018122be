/* SPDX-License-Identifier: Apache-2.0 */
#include "base/handover.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

/* Gets a descriptor of this process for the file that another has as `theirs`, or -errno. */
static int fetch(pid_t pid, int theirs)
{
    int process = (int)syscall(SYS_pidfd_open, pid, 0);
    if (process < 0)
        return -errno;
    int fd = (int)syscall(SYS_pidfd_getfd, process, theirs, 0);
    int err = fd < 0 ? -errno : fd;
    close(process);
    return err;
}

static int send_file(int socket, int fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof fd)];
    } control = {0};
    char byte = 0;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1,
                             .msg_control = &control, .msg_controllen = sizeof control};
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int handover_send(pid_t pid, int theirs, int fd)
{
    int socket = fetch(pid, theirs);
    if (socket < 0)
        return socket;
    int err = send_file(socket, fd);
    close(socket);
    return err;
}
