/* SPDX-License-Identifier: Apache-2.0
 * One line on standard error before the C library: as message_write in base/message.h. */
#ifndef TIEXEC_SAY_H
#define TIEXEC_SAY_H

#include <stddef.h>

/* Writes a text of at most a page. It never waits for more than a second for room, the file may be
 * closed, and this process gets no signal for it. */
void say_text(const char *text, size_t size);

#endif
