/* SPDX-License-Identifier: Apache-2.0
 * Handing an open file over to another process. */
#ifndef TIEXEC_HANDOVER_H
#define TIEXEC_HANDOVER_H

#include <sys/types.h>

/* Sends the file `fd` of this process through the socket that the process `pid` has as descriptor
 * `theirs`, with one byte: whoever holds the other end of the socket can receive the file. Neither
 * process opens a file for it. Returns 0 or -errno; -ENOSYS: before Linux 5.6; -EPERM: this process
 * may not trace that one. */
int handover_send(pid_t pid, int theirs, int fd);

#endif
