/* SPDX-License-Identifier: Apache-2.0 */
#include "os/errand.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIECE 4096

int errand_start(struct errand *errand, trial_work *work, void *context)
{
    *errand = (struct errand){.in = -1};
    pid_t pid = trial_begin(work, context, true, &errand->in);
    if (pid < 0)
        return pid;
    errand->pid = pid;
    return 0;
}

/* Reads what has come. 1: there may be more; 0: the child has closed its end; -errno. */
static int read_more(struct errand *errand)
{
    if (errand->size > TRIAL_MOST)
        return -EFBIG;
    char *larger = realloc(errand->text, errand->size + PIECE + 1);
    if (!larger)
        return -ENOMEM;
    errand->text = larger;
    ssize_t n = read(errand->in, errand->text + errand->size, PIECE);
    if (n < 0 && errno == EINTR)
        return 1;
    if (n < 0 && errno != ECONNRESET)
        return -errno;
    errand->size += n > 0 ? (size_t)n : 0;
    errand->text[errand->size] = '\0';
    return n > 0;
}

int errand_wait(struct errand *errand, int timeout, int *status)
{
    int64_t deadline = clock_deadline(timeout);
    int more = 1;
    while (more > 0) {
        struct pollfd poller = {.fd = errand->in, .events = POLLIN};
        int ready = poll(&poller, 1, clock_left(deadline));
        if (ready < 0 && errno != EINTR)
            return -errno;
        if (ready == 0)
            return -ETIMEDOUT;
        more = ready > 0 ? read_more(errand) : 1;
    }
    if (more < 0)
        return more;
    while (waitpid(errand->pid, status, __WALL) < 0)
        if (errno != EINTR)
            return -errno;
    errand->pid = 0;
    return 0;
}

void errand_forget(struct errand *errand)
{
    if (errand->in >= 0)
        close(errand->in);
    free(errand->text);
    *errand = (struct errand){.in = -1};
}
