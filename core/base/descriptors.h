/* SPDX-License-Identifier: Apache-2.0
 * Which file descriptors this process has open. */
#ifndef TIEXEC_DESCRIPTORS_H
#define TIEXEC_DESCRIPTORS_H

/* Opens /dev/null, or where there is none a file that can neither be read nor written. Returns a
 * file descriptor, close-on-exec, or -1. */
int descriptors_open_nothing(void);

/* Opens /dev/null, close-on-exec, in place of each standard file that the caller of this program
 * had closed. So no file of this program lands on their numbers; exec closes them again. */
void descriptors_reserve_standard(void);

/* Closes all files but standard error and the descriptors `one` and `other` (-1: none). Standard
 * input and output become /dev/null. A process that stays behind calls it, so that it holds open no
 * pipe whose reader waits for the end. Before Linux 5.9 (close_range) other files stay open. */
void descriptors_leave(int one, int other);

#endif
