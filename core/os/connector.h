/* SPDX-License-Identifier: Apache-2.0
 * The kernel's proc connector (CONFIG_PROC_EVENTS, Linux 2.6.15): it tells over netlink of each
 * exec of the host. That is for who has CAP_NET_ADMIN in the host's user, pid and network
 * namespaces. */
#ifndef TIEXEC_CONNECTOR_H
#define TIEXEC_CONNECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Begins to listen. *fd is the caller's to close. 0; -ENOTCONN: the kernel has not answered within
 * a second, as in another namespace; or another -errno. */
int connector_open(int *fd);

/* Waits until there is news: 0; -ETIMEDOUT; or -errno. */
int connector_wait(int fd, int timeout);

/* Takes out the processes that have become another program, at most `room` of them, and gives how
 * many there are. *lost is set if the kernel has dropped some. */
size_t connector_read(int fd, pid_t *list, size_t room, bool *lost);

#endif
