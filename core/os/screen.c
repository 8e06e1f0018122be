/* SPDX-License-Identifier: Apache-2.0 */
#include "os/screen.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* xterm's sequences, which all terminals of today have: the other screen, the cursor. */
#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"

static void say(int fd, const char *words)
{
    for (size_t size = strlen(words); size > 0;) {
        ssize_t n = write(fd, words, size);
        if (n < 0 && errno != EINTR)
            return;
        words += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
}

/* Puts the terminal back. What was typed meanwhile is dropped. A process of the background may do
 * so as long as it blocks SIGTTOU. */
static void put_back(const struct screen *screen)
{
    int result;
    say(screen->out, LEAVE);
    do
        result = tcsetattr(screen->in, TCSAFLUSH, &screen->before);
    while (result < 0 && errno == EINTR);
}

/* Runs in the keeper. A byte from the pipe means that there is nothing left to be done. */
static void keep(const struct screen *screen, int alive)
{
    char byte;
    ssize_t n;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    do
        n = read(alive, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        put_back(screen);
    _exit(0);
}

static int start_keeper(struct screen *screen)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    screen->keeper = fork();
    int err = screen->keeper < 0 ? -errno : 0;
    if (screen->keeper == 0) {
        close(ends[1]);
        keep(screen, ends[0]);
    }
    close(ends[0]);
    if (err)
        close(ends[1]);
    screen->alive = err ? -1 : ends[1];
    return err;
}

int screen_open(struct screen *screen, int in, int out)
{
    *screen = (struct screen){.in = in, .out = out, .alive = -1};
    if (!isatty(out) || tcgetattr(in, &screen->before) < 0)
        return -ENOTTY;
    int err = start_keeper(screen);
    if (err)
        return err;
    struct termios raw = screen->before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(in, TCSADRAIN, &raw) < 0) {
        err = -errno;
        screen_close(screen);
        return err;
    }
    say(out, ENTER);
    return 0;
}

void screen_size(const struct screen *screen, int *rows, int *columns)
{
    struct winsize size;
    bool is_told = ioctl(screen->out, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col;
    *rows = is_told ? size.ws_row : 24;
    *columns = is_told ? size.ws_col : 80;
}

int screen_key(const struct screen *screen, int timeout)
{
    int64_t deadline = clock_deadline(timeout);
    unsigned char byte;
    for (;;) {
        struct pollfd poller = {.fd = screen->in, .events = POLLIN};
        int ready = poll(&poller, 1, clock_left(deadline));
        if (ready == 0)
            return -ETIMEDOUT;
        ssize_t n = ready < 0 ? -1 : read(screen->in, &byte, 1);
        if (n == 1)
            return byte;
        if (n == 0)
            return -EPIPE;
        if (errno != EINTR && errno != EAGAIN)
            return errno == EIO ? -EPIPE : -errno;
    }
}

void screen_close(struct screen *screen)
{
    if (screen->alive < 0)
        return;
    put_back(screen);
    say(screen->alive, "q");
    close(screen->alive);
    screen->alive = -1;
    while (waitpid(screen->keeper, NULL, 0) < 0 && errno == EINTR)
        ;
}
