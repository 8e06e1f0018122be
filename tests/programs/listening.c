/* SPDX-License-Identifier: Apache-2.0
 * listening FOLDER [reads]: a program with 6 MiB of text that allows each opening, or each opening and each
 * reading, of a file of the filesystem that is mounted at FOLDER (fanotify). Whoever opens or reads one waits until
 * this program has said yes. It says so by a line,
 * and goes on until it is killed. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

__asm__(".text\n.fill 6 << 17, 8, 0x0123456789abcdef\n");

/* The host itself would wait for a listener to the filesystem of its root. */
static int is_mounted_apart(const char *folder)
{
    struct stat here, above;
    char path[4096];
    snprintf(path, sizeof path, "%s/..", folder);
    return stat(folder, &here) == 0 && stat(path, &above) == 0 && here.st_dev != above.st_dev;
}

int main(int argc, char **argv)
{
    struct fanotify_event_metadata events[32], *event;
    uint64_t asked = FAN_OPEN_PERM | (argc > 2 ? FAN_ACCESS_PERM : 0);
    int listener = fanotify_init(FAN_CLASS_CONTENT, O_RDONLY);
    if (argc < 2 || !is_mounted_apart(argv[1]) || listener < 0 ||
        fanotify_mark(listener, FAN_MARK_ADD | FAN_MARK_MOUNT, asked, AT_FDCWD, argv[1]))
        return 77;
    printf("listening\n");
    fflush(stdout);
    for (ssize_t n; (n = read(listener, events, sizeof events)) > 0;)
        for (event = events; FAN_EVENT_OK(event, n); event = FAN_EVENT_NEXT(event, n)) {
            struct fanotify_response yes = {event->fd, FAN_ALLOW};
            if (write(listener, &yes, sizeof yes) < 0)
                return 2;
            close(event->fd);
        }
    return 1;
}
