/* SPDX-License-Identifier: Apache-2.0 */
#include "os/gate.h"

#include "base/program.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int gate_fork(struct gate *gate, const char *path, char *const argv[], gate_prepare *prepare,
              void *context)
{
    int ends[2];
    char go;
    *gate = (struct gate){.pid = -1, .fd = -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    gate->pid = fork();
    if (gate->pid == 0) {
        close(ends[0]);
        int err = read(ends[1], &go, 1) == 1 ? prepare(context) : -ECANCELED;
        if (!err)
            err = program_exec(path, argv);
        _exit(send(ends[1], &err, sizeof err, MSG_NOSIGNAL) < 0 ? 126 : 127);
    }
    int err = gate->pid < 0 ? -errno : 0;
    close(ends[1]);
    if (err)
        close(ends[0]);
    else
        gate->fd = ends[0];
    return err;
}

int gate_open(const struct gate *gate)
{
    return send(gate->fd, "", 1, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

int gate_close(struct gate *gate)
{
    int err = 0;
    ssize_t n;
    while ((n = read(gate->fd, &err, sizeof err)) < 0 && errno == EINTR)
        ;
    close(gate->fd);
    gate->fd = -1;
    return n == sizeof err ? err : 0;
}

void gate_drop(struct gate *gate)
{
    close(gate->fd); /* the child reads that, and ends */
    gate->fd = -1;
    while (waitpid(gate->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}
