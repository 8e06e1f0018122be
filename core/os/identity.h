/* SPDX-License-Identifier: Apache-2.0
 * Becoming another user, for good, as setpriv(1) and runuser(1) do. */
#ifndef TIEXEC_IDENTITY_H
#define TIEXEC_IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

struct identity {
    uid_t uid;
    gid_t gid;
    char *name, *home; /* NULL for a number that is nobody's name */
};

/* Looks up USER[:GROUP], each a name or a number; without GROUP it is the user's own. Returns 0;
 * -ENOENT: no such user, -ESRCH: no such group, -EINVAL: a number that is nobody's name needs a group;
 * or another -errno of the lookup. *user is to be freed with identity_free, whatever is returned. */
int identity_find(const char *spec, struct identity *user);
void identity_free(struct identity *user);

/* Gives this process the user's ids, supplementary groups and a session keyring of its own, and takes
 * its capabilities (all but the bounding set), unless the user is root. `login` sets HOME, USER and
 * LOGNAME. Nothing is changed for the user that this process is already, if it may not change groups.
 * Returns 0, or -errno with the process somewhere in between: then it must end. */
int identity_become(const struct identity *user, bool login);

#endif
