/* SPDX-License-Identifier: Apache-2.0
 * Becoming another user for good, as with setpriv(1) and runuser(1). */
#ifndef TIEXEC_IDENTITY_H
#define TIEXEC_IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

struct identity {
    uid_t uid;
    gid_t gid;
    char *name, *home; /* as in passwd(5); NULL: the user is not there */
};

/* Looks up USER[:GROUP], each a name or a number. Without GROUP the group is the user's own of
 * passwd(5). Returns 0 or -errno: -ENOENT: there is no such user; -ESRCH: there is no such group;
 * -EINVAL: the user is a number that is not in passwd(5), and GROUP is missing; or an error of the
 * lookup. The caller calls identity_free, whatever is returned. */
int identity_find(const char *spec, struct identity *user);
void identity_free(struct identity *user);

/* Gives this process the user's ids, the user's supplementary groups and a new session keyring.
 * Unless the user is root it also takes all capabilities away (the bounding set stays). `login`
 * sets HOME, USER and LOGNAME as well. If the process is that user already, and may not change
 * groups, only `login` has an effect. Returns 0 or -errno. After an error the process may be half
 * changed, and must end. */
int identity_become(const struct identity *user, bool login);

#endif
