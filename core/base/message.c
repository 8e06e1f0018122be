/* SPDX-License-Identifier: Apache-2.0 */
#include "base/message.h"

#include "base/clock.h"
#include "base/descriptors.h"
#include "base/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATIENCE_MS 1000

#ifndef SYS_pidfd_getfd /* Linux 5.6 */
#define SYS_pidfd_getfd 438
#endif

static int patience = PATIENCE_MS; /* what is left of it */
static bool is_left;               /* standard error was closed by message_leave */
static dev_t device;               /* which file it was */
static ino_t inode;
static pid_t lender;

/* ---- writing ---- */

/* Opens a pipe or terminal anew, for a file status that this process shares with nobody: so a write
 * to it need not wait. Gives -1 for other files, and where that is not possible. */
static int open_anew(int fd, const struct stat *st)
{
    char path[32];
    if (!S_ISFIFO(st->st_mode) && !isatty(fd))
        return -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* Waits until there is room in the file. Gives false when the patience is at its end. */
static bool has_room(int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLOUT};
    int64_t began = clock_now(), deadline = clock_deadline(patience);
    int ready;
    do
        ready = poll(&poller, 1, clock_left(deadline));
    while (ready < 0 && errno == EINTR);
    int64_t waited = (clock_now() - began) / 1000000;
    patience = ready == 0 || waited > patience ? 0 : patience - (int)waited;
    return ready > 0;
}

/* Writes to a file whose reader may be slow. Of a file that could not be opened anew, poll(2) says
 * only that there is room for a page, so no more than that is written at once. */
static void write_patiently(int fd, const char *text, size_t size, size_t most)
{
    while (size > 0 && has_room(fd)) {
        ssize_t n = write(fd, text, size < most ? size : most);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return;
        if (n > 0) {
            text += n;
            size -= (size_t)n;
        }
    }
}

static void write_all(int fd, const char *text, size_t size)
{
    struct signals before;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return;
    signals_hold(&before);
    int anew = open_anew(fd, &st);
    if (S_ISREG(st.st_mode))
        (void)!write(fd, text, size);
    else if (anew >= 0)
        write_patiently(anew, text, size, SIZE_MAX);
    else
        write_patiently(fd, text, size, PIPE_BUF);
    if (anew >= 0)
        close(anew);
    signals_release(&before);
}

/* ---- standard error of another process ---- */

/* Gives a descriptor of what the lender has as standard error, if it is what this process had. */
static int borrow(void)
{
    struct stat st;
    int process = lender ? (int)syscall(SYS_pidfd_open, lender, 0U) : -1;
    if (process < 0)
        return -1;
    int fd = (int)syscall(SYS_pidfd_getfd, process, STDERR_FILENO, 0U);
    close(process);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == device && st.st_ino == inode)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

void message_write(const char *text, size_t size)
{
    int fd = is_left ? borrow() : STDERR_FILENO;
    if (fd < 0)
        return;
    write_all(fd, text, size);
    if (is_left)
        close(fd);
}

void message_leave(void)
{
    struct stat st;
    int null = is_left ? -1 : descriptors_open_nothing();
    if (null < 0 || fstat(STDERR_FILENO, &st) < 0) {
        if (null >= 0)
            close(null);
        return;
    }
    device = st.st_dev;
    inode = st.st_ino;
    is_left = true;
    dup2(null, STDERR_FILENO);
    close(null);
}

void message_left(dev_t its_device, ino_t its_inode)
{
    device = its_device;
    inode = its_inode;
    is_left = true;
}

void message_lend(pid_t pid) { lender = pid; }
