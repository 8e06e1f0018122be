/* SPDX-License-Identifier: Apache-2.0 */
#include "os/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
    rmdir(path);
}

/* No signal that is meant for the program in front of the terminal ends this process. */
static void wait_and_remove(int lifeline, const char *path)
{
    char byte;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (int fd = 0; fd < 3; fd++) /* whoever reads them waits for the other process alone */
        if (fd != lifeline)
            close(fd);
    while (read(lifeline, &byte, 1) < 0 && errno == EINTR)
        ;
    remove_folder(path);
    _exit(0);
}

int scratch_open(struct scratch *scratch, const char *parent)
{
    int ends[2], err = 0;
    *scratch = (struct scratch){.path = NULL, .lifeline = -1};
    if (asprintf(&scratch->path, "%s/tiexec-XXXXXX", parent) < 0) {
        scratch->path = NULL;
        return -ENOMEM;
    }
    bool is_made = mkdtemp(scratch->path) != NULL;
    if (!is_made || pipe2(ends, O_CLOEXEC) < 0) {
        err = -errno;
    } else {
        scratch->remover = fork();
        if (scratch->remover == 0) {
            close(ends[1]);
            wait_and_remove(ends[0], scratch->path);
        }
        err = scratch->remover < 0 ? -errno : 0;
        close(ends[0]);
        scratch->lifeline = ends[1];
    }
    if (err) {
        if (is_made)
            rmdir(scratch->path);
        scratch_close(scratch);
    }
    return err;
}

void scratch_close(struct scratch *scratch)
{
    if (scratch->lifeline >= 0)
        close(scratch->lifeline);
    while (scratch->remover > 0 && waitpid(scratch->remover, NULL, 0) < 0 && errno == EINTR)
        ;
    free(scratch->path);
    *scratch = (struct scratch){.path = NULL, .lifeline = -1};
}
