/* SPDX-License-Identifier: Apache-2.0 */
#include "base/descriptors.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

int descriptors_open_nothing(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    return fd >= 0 ? fd : open("/", O_PATH | O_CLOEXEC);
}

void descriptors_reserve_standard(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            descriptors_open_nothing(); /* takes the lowest number: fd */
}

/* Closes the descriptors above `low` and below `high`. Where close_range(2) is missing they stay
 * open for the milliseconds that this process lives. */
static void close_between(int low, int high)
{
    if (low + 1 < high)
        syscall(SYS_close_range, (unsigned)low + 1, (unsigned)high - 1, 0U);
}

void descriptors_leave(int one, int other)
{
    int null = descriptors_open_nothing();
    for (int fd = STDIN_FILENO; null >= 0 && fd <= STDOUT_FILENO; fd++)
        if (fd != one && fd != other)
            dup2(null, fd);
    int low = one < other ? one : other, high = one < other ? other : one;
    close_between(STDERR_FILENO, low);
    close_between(low > STDERR_FILENO ? low : STDERR_FILENO, high);
    close_between(high > STDERR_FILENO ? high : STDERR_FILENO, INT_MAX);
}
