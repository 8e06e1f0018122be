/* SPDX-License-Identifier: Apache-2.0 */
#include "os/identity.h"

#include "base/library.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Reads a number as an id. -1 is none: to the system calls it means "leave it". */
static bool parse_id(const char *text, uint32_t *id)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    *id = (uint32_t)value;
    return *text >= '0' && *text <= '9' && !*end && !errno && value < UINT32_MAX;
}

/* A user is looked for by name before by number, as in chown(1). */
static int find_user(const char *text, struct identity *user, bool *has_group)
{
    errno = 0;
    struct passwd *entry = getpwnam(text);
    if (!entry && parse_id(text, &user->uid))
        entry = getpwuid(user->uid);
    else if (!entry)
        return errno && errno != ESRCH ? -errno : -ENOENT;
    *has_group = entry;
    if (!entry)
        return 0;
    user->uid = entry->pw_uid;
    user->gid = entry->pw_gid;
    user->name = strdup(entry->pw_name);
    user->home = strdup(entry->pw_dir);
    return user->name && user->home ? 0 : -ENOMEM;
}

static int find_group(const char *text, gid_t *gid)
{
    errno = 0;
    const struct group *entry = getgrnam(text);
    if (entry)
        *gid = entry->gr_gid;
    else if (!parse_id(text, gid))
        return errno && errno != ESRCH ? -errno : -ESRCH;
    return 0;
}

int identity_find(const char *spec, struct identity *user)
{
    bool has_group = false;
    *user = (struct identity){0};
    char *name = strdup(spec);
    if (!name)
        return -ENOMEM;
    library_limit_lookup("passwd", "files");
    library_limit_lookup("group", "files");
    library_limit_lookup("initgroups", "files");
    char *group = strchr(name, ':');
    if (group)
        *group++ = '\0';
    int err = find_user(name, user, &has_group);
    if (!err && group && *group)
        err = find_group(group, &user->gid);
    else if (!err && !has_group)
        err = -EINVAL;
    free(name);
    return err;
}

void identity_free(struct identity *user)
{
    free(user->name);
    free(user->home);
    *user = (struct identity){0};
}

/* Drops the capabilities that securebits(7) may have kept through the change of ids. */
static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0L, 0L, 0L); /* Linux 4.3 */
    return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

static int set_groups(const struct identity *user)
{
    int result = user->name ? initgroups(user->name, user->gid) : setgroups(0, NULL);
    return result < 0 ? -errno : 0;
}

/* Tells whether this process has the user's ids already. */
static bool is_already(const struct identity *user)
{
    uid_t ruid, euid, suid;
    gid_t rgid, egid, sgid;
    return getresuid(&ruid, &euid, &suid) == 0 && getresgid(&rgid, &egid, &sgid) == 0 &&
           ruid == user->uid && euid == user->uid && suid == user->uid && rgid == user->gid &&
           egid == user->gid && sgid == user->gid;
}

static int set_environment(const struct identity *user)
{
    if (!user->name)
        return 0;
    if (setenv("HOME", user->home, 1) || setenv("USER", user->name, 1) ||
        setenv("LOGNAME", user->name, 1))
        return -errno;
    return 0;
}

int identity_become(const struct identity *user, bool login)
{
    int err = set_groups(user);
    if (err == -EPERM && is_already(user))
        return login ? set_environment(user) : 0;
    if (!err && setresgid(user->gid, user->gid, user->gid) < 0)
        err = -errno;
    if (!err)
        syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL); /* kernels may have none */
    if (!err && setresuid(user->uid, user->uid, user->uid) < 0)
        err = -errno;
    if (!err && user->uid != 0)
        err = drop_capabilities();
    return err || !login ? err : set_environment(user);
}
