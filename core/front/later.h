/* SPDX-License-Identifier: Apache-2.0
 * Programs that have nothing to gain themselves, but may become, start or load what has: whether
 * that can be watched, and what is said of it. */
#ifndef TIEXEC_LATER_H
#define TIEXEC_LATER_H

#include "front/watchable.h"

#include <stdbool.h>

struct later_reason {
    char refusal[WATCHABLE_WORDS], words[2 * WATCHABLE_WORDS];
};

/* Says why what comes of this process will not be watched, and what to do about that. NULL: it may
 * be. Under a seccomp filter that is not tried. */
const char *later_refusal(bool is_filtered, struct later_reason *reason);

/* Tells whether the name of CMD can be shown as it is: it has neither control characters nor any
 * beyond ASCII. */
bool later_is_plain(const char *name);

/* Says on standard error what is done about what comes of a program, if it runs others in its
 * place, or if nobody looks after those: `refused` is why. The program is `path`, started with
 * `argv`. */
void later_tell(const char *path, char *const *argv, const char *refused);

#endif
