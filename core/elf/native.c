/* SPDX-License-Identifier: Apache-2.0 */
#include "elf/native.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST 4096 /* bytes of the file, among which the headers are */

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BYTE_ORDER_HERE ELFDATA2LSB
#else
#define BYTE_ORDER_HERE ELFDATA2MSB
#endif

struct file {
    int fd;
    uint64_t size;
    size_t got; /* how many of its first bytes are at hand */
    unsigned char first[FIRST];
};

static size_t read_at(const struct file *file, void *buffer, size_t size, uint64_t offset)
{
    ssize_t n;
    do
        n = pread(file->fd, buffer, size, (off_t)offset);
    while (n < 0 && errno == EINTR);
    return n > 0 ? (size_t)n : 0;
}

/* Tells whether a part lies within the file. */
static bool has(const struct file *file, uint64_t offset, uint64_t size)
{
    return offset <= file->size && size <= file->size - offset;
}

static bool is_usual(const struct file *file, const Elf64_Ehdr *head)
{
    uint64_t table = (uint64_t)head->e_phnum * sizeof(Elf64_Phdr);
    return file->got >= sizeof *head && memcmp(head->e_ident, ELFMAG, SELFMAG) == 0 &&
           head->e_ident[EI_CLASS] == ELFCLASS64 && head->e_ident[EI_DATA] == BYTE_ORDER_HERE &&
           head->e_ident[EI_VERSION] == EV_CURRENT && head->e_version == EV_CURRENT &&
           head->e_phentsize == sizeof(Elf64_Phdr) && head->e_phnum > 0 &&
           head->e_phnum < PN_XNUM && head->e_phoff >= sizeof *head &&
           head->e_phoff <= file->got && table <= file->got - head->e_phoff;
}

static uint64_t align(uint32_t size) { return (size + UINT64_C(3)) & ~UINT64_C(3); }

static void set_build_id(struct image *image, const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length && i < 64; i++)
        snprintf(image->build_id + 2 * i, 3, "%02x", bytes[i]);
}

/* Takes the build ID, if it is among notes. */
static void take_build_id(const unsigned char *notes, size_t size, struct image *image)
{
    Elf64_Nhdr head;
    for (size_t at = 0; size - at >= sizeof head;) {
        memcpy(&head, notes + at, sizeof head);
        uint64_t name = at + sizeof head, desc = name + align(head.n_namesz);
        uint64_t next = desc + align(head.n_descsz);
        if (desc + head.n_descsz > size)
            return;
        if (head.n_type == NT_GNU_BUILD_ID && head.n_namesz == 4 &&
            memcmp(notes + name, "GNU", 4) == 0) {
            set_build_id(image, notes + desc, head.n_descsz);
            return;
        }
        if (next > size)
            return;
        at = (size_t)next;
    }
}

/* Notes that are not among the first bytes are looked at as far as they fit
 * into the room of those. */
static void read_notes(const struct file *file, const struct segment *note, struct image *image)
{
    unsigned char elsewhere[FIRST];
    if (!has(file, note->offset, note->filesz))
        return;
    if (note->offset <= file->got && note->filesz <= file->got - note->offset) {
        take_build_id(file->first + note->offset, note->filesz, image);
        return;
    }
    size_t size = note->filesz < sizeof elsewhere ? note->filesz : sizeof elsewhere;
    take_build_id(elsewhere, read_at(file, elsewhere, size, note->offset), image);
}

/* Takes some entries. Returns false after the last one. */
static bool take_dynamic(const Elf64_Dyn *entries, size_t count, struct image *image)
{
    for (size_t i = 0; i < count; i++) {
        int64_t tag = entries[i].d_tag;
        if (tag == DT_NULL)
            return false;
        image->needed += tag == DT_NEEDED;
        if (tag == DT_TEXTREL || (tag == DT_FLAGS && entries[i].d_un.d_val & DF_TEXTREL))
            image->text_relocations = true;
    }
    return true;
}

static void read_dynamic(const struct file *file, const struct segment *dynamic,
                         struct image *image)
{
    Elf64_Dyn entries[64];
    uint64_t at = dynamic->offset, stop = at + dynamic->filesz;
    bool more = has(file, at, dynamic->filesz);
    while (more && at < stop) {
        size_t left = stop - at < sizeof entries ? (size_t)(stop - at) : sizeof entries;
        size_t n = read_at(file, entries, left, at) / sizeof entries[0];
        more = n > 0 && take_dynamic(entries, n, image);
        at += n * sizeof entries[0];
    }
}

static void take_segment(const struct file *file, const Elf64_Phdr *head, struct image *image)
{
    struct segment *segment = &image->segments[image->segment_count++];
    *segment = (struct segment){head->p_type,   head->p_flags, head->p_offset, head->p_vaddr,
                                head->p_filesz, head->p_memsz, head->p_align};
    if (head->p_type == PT_NOTE && !image->build_id[0])
        read_notes(file, segment, image);
    else if (head->p_type == PT_DYNAMIC)
        read_dynamic(file, segment, image);
}

int native_read(int fd, struct image *image)
{
    struct file file = {.fd = fd, .size = image->size};
    Elf64_Ehdr head = {0};
    file.got = read_at(&file, file.first, sizeof file.first, 0);
    memcpy(&head, file.first, sizeof head);
    if (!is_usual(&file, &head))
        return 1;
    image->segments = calloc(head.e_phnum, sizeof *image->segments);
    if (!image->segments)
        return -ENOMEM;
    image->class = ELFCLASS64;
    image->machine = head.e_machine;
    image->type = head.e_type;
    image->entry = head.e_entry;
    for (size_t i = 0; i < head.e_phnum; i++) {
        Elf64_Phdr entry;
        memcpy(&entry, file.first + head.e_phoff + i * sizeof entry, sizeof entry);
        take_segment(&file, &entry, image);
    }
    return 0;
}
