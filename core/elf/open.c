/* SPDX-License-Identifier: Apache-2.0 */
#include "elf/open.h"

#include "base/file.h"

#include <errno.h>
#include <gelf.h>
#include <unistd.h>

int elf_open(const char *path, Elf **elf)
{
    elf_version(EV_CURRENT);
    int fd = file_open(path);
    if (fd < 0)
        return fd;
    *elf = elf_begin(fd, ELF_C_READ, NULL);
    if (*elf && elf_kind(*elf) == ELF_K_ELF && gelf_getclass(*elf) == ELFCLASS64)
        return fd;
    elf_end(*elf);
    close(fd);
    return -ENOEXEC;
}
