/* SPDX-License-Identifier: Apache-2.0
 * Messages on standard error. Whatever that is, a message neither ends nor stops this process, nor
 * does it wait for a reader longer than a second, in all: then messages are dropped. */
#ifndef TIEXEC_MESSAGE_H
#define TIEXEC_MESSAGE_H

#include <stddef.h>
#include <sys/types.h>

/* Writes a message with one write(2), as far as the file takes it at once. */
void message_write(const char *text, size_t size);

/* Closes standard error, so that its reader does not wait for the end of this process. From now on
 * a message goes to the standard error of process message_lend, if that is the same file. */
void message_leave(void);

/* As if the standard error that was left had been another file. */
void message_left(dev_t device, ino_t inode);

/* Names a process whose standard error may be used for the next messages; 0: none. */
void message_lend(pid_t pid);

#endif
