/* SPDX-License-Identifier: Apache-2.0
 * landlocked CMD...: runs CMD so that it may read and run files of the system, /tmp and the current folder
 * alone: neither of /proc nor of /sys (Landlock, Linux 5.13). */
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const allowed[] = {"/usr", "/bin", "/lib", "/lib64", "/etc", "/dev", "/tmp", "."};

int main(int argc, char **argv)
{
    struct landlock_ruleset_attr rules = {.handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |
                                                               LANDLOCK_ACCESS_FS_READ_DIR};
    int set = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
    for (unsigned i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        struct landlock_path_beneath_attr below = {rules.handled_access_fs, open(allowed[i], O_PATH | O_CLOEXEC)};
        syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &below, 0);
    }
    if (argc < 2 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_landlock_restrict_self, set, 0) < 0) {
        fprintf(stderr, "landlocked: refused\n");
        return 99;
    }
    execvp(argv[1], argv + 1);
    return 127;
}
