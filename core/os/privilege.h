/* SPDX-License-Identifier: Apache-2.0
 * Programs that run with other rights than those of their caller. */
#ifndef TIEXEC_PRIVILEGE_H
#define TIEXEC_PRIVILEGE_H

/* Why execve would give the file `path` other rights than the caller's: "setuid", "setgid" or
 * "capabilities"; NULL: it would not, or there is no such file. The strings are constants. Set-id
 * bits for ids that the caller has anyway count for nothing. */
const char *privilege_of(const char *path);

#endif
