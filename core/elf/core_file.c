/* SPDX-License-Identifier: Apache-2.0 */
#include "elf/core_file.h"

#include "arch.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ALIGN 4096              /* of memory in the file; no CPU has smaller pages */
#define PIECE ((size_t)1 << 20) /* bytes that are read at a time */

static int write_at(int fd, const void *bytes, size_t size, uint64_t offset)
{
    for (size_t done = 0; done < size;) {
        ssize_t n =
            pwrite(fd, (const char *)bytes + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        done += (size_t)n;
    }
    return 0;
}

static uint64_t align_up(uint64_t value) { return (value + ALIGN - 1) & ~(uint64_t)(ALIGN - 1); }

/* ---- the headers ---- */

/* The parts of the file before its memory. Where there are more program headers than e_phnum can
 * tell, the only section header tells it (PN_XNUM). */
struct layout {
    uint64_t headers, section, notes, memory; /* offsets */
};

static struct layout lay_out(const struct core_contents *contents)
{
    struct layout at = {.headers = sizeof(Elf64_Ehdr)};
    at.section = at.headers + (contents->count + 1) * sizeof(Elf64_Phdr);
    at.notes = at.section + sizeof(Elf64_Shdr);
    at.memory = align_up(at.notes + contents->notes_size);
    return at;
}

static Elf64_Ehdr make_head(const struct layout *at, size_t count)
{
    bool many = count >= PN_XNUM;
    Elf64_Ehdr head = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_CORE,
        .e_machine = ARCH_ELF_MACHINE,
        .e_version = EV_CURRENT,
        .e_phoff = at->headers,
        .e_ehsize = sizeof head,
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = (Elf64_Half)(many ? PN_XNUM : count),
    };
    if (many) {
        head.e_shoff = at->section;
        head.e_shentsize = sizeof(Elf64_Shdr);
        head.e_shnum = 1;
    }
    return head;
}

static int write_headers(int fd, const struct core_contents *contents, const struct layout *at)
{
    size_t count = contents->count + 1;
    uint64_t offset = at->memory;
    Elf64_Ehdr head = make_head(at, count);
    Elf64_Shdr section = {.sh_info = (Elf64_Word)count, .sh_size = 1};
    Elf64_Phdr *list = calloc(count, sizeof *list);
    if (!list)
        return -ENOMEM;
    list[0] = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = at->notes, .p_align = 4,
                           .p_filesz = contents->notes_size};
    for (size_t i = 0; i < contents->count; i++) {
        const struct core_segment *segment = &contents->segments[i];
        list[i + 1] = (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = segment->flags,
                                   .p_offset = offset, .p_vaddr = segment->address,
                                   .p_filesz = segment->dumped, .p_memsz = segment->size,
                                   .p_align = ALIGN};
        offset = align_up(offset + segment->dumped);
    }
    int err = write_at(fd, &head, sizeof head, 0);
    if (!err)
        err = write_at(fd, list, count * sizeof *list, at->headers);
    if (!err)
        err = write_at(fd, &section, sizeof section, at->section);
    if (!err)
        err = write_at(fd, contents->notes, contents->notes_size, at->notes);
    free(list);
    return err;
}

/* ---- the memory ---- */

static bool is_zero(const char *bytes, size_t size)
{
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* Writes a piece without the pages that are zero. */
static int write_sparsely(int fd, const char *bytes, size_t size, uint64_t offset)
{
    int err = 0;
    for (size_t at = 0, stop; at < size && !err; at = stop) {
        bool zero = is_zero(bytes + at, size - at < ALIGN ? size - at : ALIGN);
        for (stop = at + ALIGN; stop < size; stop += ALIGN)
            if (is_zero(bytes + stop, size - stop < ALIGN ? size - stop : ALIGN) != zero)
                break;
        if (stop > size)
            stop = size;
        if (!zero)
            err = write_at(fd, bytes + at, stop - at, offset + at);
    }
    return err;
}

static int write_segment(int fd, const struct core_contents *contents,
                         const struct core_segment *segment, char *piece, uint64_t offset)
{
    int err = 0;
    for (uint64_t at = 0; at < segment->dumped && !err; at += PIECE) {
        size_t n = segment->dumped - at < PIECE ? (size_t)(segment->dumped - at) : PIECE;
        err = contents->read(contents->context, segment->address + at, piece, n, segment->sparse);
        if (!err)
            err = write_sparsely(fd, piece, n, offset + at);
    }
    return err;
}

static int write_all(int fd, const struct core_contents *contents)
{
    struct layout at = lay_out(contents);
    uint64_t offset = at.memory;
    char *piece = malloc(PIECE);
    int err = piece ? write_headers(fd, contents, &at) : -ENOMEM;
    for (size_t i = 0; i < contents->count && !err; i++) {
        err = write_segment(fd, contents, &contents->segments[i], piece, offset);
        offset = align_up(offset + contents->segments[i].dumped);
    }
    free(piece);
    if (!err && ftruncate(fd, (off_t)offset) < 0 && errno != EINVAL) /* EINVAL: it is a device */
        err = -errno;
    return err;
}

int core_file_write(const char *path, const struct core_contents *contents)
{
    struct stat st;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    if (fd < 0)
        return -errno;
    int err = write_all(fd, contents);
    bool regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    if (close(fd) < 0 && !err)
        err = -errno;
    if (err && regular)
        unlink(path);
    return err;
}
