/* SPDX-License-Identifier: Apache-2.0
 * A folder for files that are needed for a while. It goes away with its files when this process
 * ends, however it ends. */
#ifndef TIEXEC_SCRATCH_H
#define TIEXEC_SCRATCH_H

#include <sys/types.h>

struct scratch {
    char *path;
    int lifeline; /* a process that waits for its end removes the folder */
    pid_t remover;
};

/* Makes a folder, for this user alone, in the folder `parent`. Returns 0, and the caller calls
 * scratch_close; or -errno. The folder may have files in it, and no folders. */
int scratch_open(struct scratch *scratch, const char *parent);

/* Removes the folder. */
void scratch_close(struct scratch *scratch);

#endif
