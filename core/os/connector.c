/* SPDX-License-Identifier: Apache-2.0 */
#include "os/connector.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MS 1000
#define ROOM      (1 << 20) /* bytes of news that may wait: some thousands */

/* One message. The kernel packs struct cn_msg and struct proc_event behind each other. */
#define EVENT_AT  (NLMSG_HDRLEN + sizeof(struct cn_msg))
#define WHAT_AT   (EVENT_AT + offsetof(struct proc_event, what))
#define MOST      512 /* bytes; one has about 80 */

/* Has the socket take in execs alone, and the answer to a request. A BPF program loads words in
 * network order. */
static int filter(int fd)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, WHAT_AT),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_EXEC), 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_NONE), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog all = {sizeof program / sizeof *program, program};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &all, sizeof all) < 0 ? -errno : 0;
}

/* Asks the kernel to tell of processes. */
static int ask(int fd)
{
    char bytes[EVENT_AT + sizeof(enum proc_cn_mcast_op)] = {0};
    struct nlmsghdr header = {.nlmsg_len = sizeof bytes, .nlmsg_type = NLMSG_DONE};
    enum proc_cn_mcast_op operation = PROC_CN_MCAST_LISTEN;
    struct cn_msg message = {.id = {CN_IDX_PROC, CN_VAL_PROC}, .len = sizeof operation};
    memcpy(bytes, &header, sizeof header);
    memcpy(bytes + NLMSG_HDRLEN, &message, sizeof message);
    memcpy(bytes + EVENT_AT, &operation, sizeof operation);
    return send(fd, bytes, sizeof bytes, 0) < 0 ? -errno : 0;
}

/* Takes in one event, of which only the kernel (port 0) may tell. 1; 0: there is none; or
 * -errno. */
static int receive(int fd, struct proc_event *event)
{
    char bytes[MOST];
    for (;;) {
        struct sockaddr_nl from = {0};
        socklen_t length = sizeof from;
        ssize_t size = recvfrom(fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&from,
                                &length);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return errno == EAGAIN ? 0 : -errno;
        size_t rest = (size_t)size < EVENT_AT ? 0 : (size_t)size - EVENT_AT;
        if (from.nl_pid != 0 || rest == 0)
            continue;
        memset(event, 0, sizeof *event);
        memcpy(event, bytes + EVENT_AT, rest < sizeof *event ? rest : sizeof *event);
        return 1;
    }
}

/* Waits for the answer, which is an event like others. Execs before that are nobody's. */
static int hear(int fd)
{
    int64_t deadline = clock_deadline(ANSWER_MS);
    struct proc_event event = {0};
    for (;;) {
        int n = receive(fd, &event);
        if (n > 0 && event.what == PROC_EVENT_NONE)
            return -(int)event.event_data.ack.err;
        if (n < 0 && n != -ENOBUFS)
            return n;
        int err = n == 0 ? connector_wait(fd, clock_left(deadline)) : 0;
        if (err)
            return err == -ETIMEDOUT ? -ENOTCONN : err;
    }
}

int connector_open(int *fd)
{
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
    int room = ROOM;
    *fd = socket(PF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);
    if (*fd < 0)
        return -errno;
    int err = filter(*fd);
    setsockopt(*fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    if (!err && bind(*fd, (struct sockaddr *)&address, sizeof address) < 0)
        err = -errno;
    if (!err)
        err = ask(*fd);
    if (!err)
        err = hear(*fd);
    if (err)
        close(*fd);
    return err;
}

int connector_wait(int fd, int timeout)
{
    struct pollfd file = {.fd = fd, .events = POLLIN};
    int n = poll(&file, 1, timeout);
    return n > 0 ? 0 : n == 0 || errno == EINTR ? -ETIMEDOUT : -errno;
}

size_t connector_read(int fd, pid_t *list, size_t room, bool *lost)
{
    size_t count = 0;
    struct proc_event event = {0};
    int n = 1;
    while (count < room && (n = receive(fd, &event)) != 0) {
        *lost |= n < 0;
        if (n > 0 && event.what == PROC_EVENT_EXEC)
            list[count++] = event.event_data.exec.process_tgid;
        if (n < 0 && n != -ENOBUFS)
            break;
    }
    return count;
}
