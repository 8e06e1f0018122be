/* SPDX-License-Identifier: Apache-2.0
 * Finding the program that a command names, as base/program.h does, before the C library. */
#ifndef TIEXEC_FIND_H
#define TIEXEC_FIND_H

#include <stdbool.h>
#include <stddef.h>

/* Finds what execvp(3) would run for `file`; `list` is PATH, or NULL. The path is put into `path`.
 * Returns false where it is not found, and where anything is out of the ordinary. */
bool find_program(const char *file, const char *list, char *path, size_t room);

#endif
