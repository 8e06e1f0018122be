/* SPDX-License-Identifier: Apache-2.0
 * Whether the kernel tells this process of what others do (see os/rings.h), as far as that is seen
 * beforehand. Under a seccomp filter the question itself may be deadly: see watchable_refusal. */
#ifndef TIEXEC_WATCHABLE_H
#define TIEXEC_WATCHABLE_H

#define WATCHABLE_WORDS 160
/* Every thread and process of a watched family is given an event for each CPU: 1.4 KiB, and 3 us
 * or more at its birth. */
#define WATCHABLE_CPUS 64

/* What is said where a filter is in force, and the kernel was not asked; and what may follow that,
 * or another reason. */
extern const char watchable_filtered[], watchable_advice[];

/* Says why it will refuse, or why it would take too long with more than `most` CPUs. NULL: no
 * reason is seen. `words` has room for the answer. Calls perf_event_open, with arguments that the
 * kernel takes for wrong: a seccomp filter may end this process for that. */
const char *watchable_refusal(unsigned most, char words[WATCHABLE_WORDS]);

#endif
