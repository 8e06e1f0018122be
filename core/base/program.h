/* SPDX-License-Identifier: Apache-2.0
 * Finding the program that a command names, and becoming it: execvp(3) in two steps. */
#ifndef TIEXEC_PROGRAM_H
#define TIEXEC_PROGRAM_H

/* Finds what execvp(3) would run for `file`: searches PATH unless `file` has a slash. *path is
 * malloc'd by this call, freed by the caller, and NULL on failure. Returns 0 or -errno: -ENOENT and
 * -EACCES as execvp, -EISDIR for a folder. */
int program_find(const char *file, char **path);

/* Becomes the program `path`; `argv` ends with NULL. Returns only on error, with -errno. A file
 * that the kernel cannot run and that is not ELF is given to /bin/sh, as execvp does. */
int program_exec(const char *path, char *const argv[]);

#endif
