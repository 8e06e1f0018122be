/* SPDX-License-Identifier: Apache-2.0 */
#include "elf/image.h"

#include "arch.h"
#include "base/file.h"
#include "elf/native.h"

#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads the build ID, if the note segment has one. */
static void read_build_id(Elf *elf, const struct segment *note, struct image *image)
{
    Elf_Data *data = elf_getdata_rawchunk(elf, (int64_t)note->offset, note->filesz, ELF_T_NHDR);
    GElf_Nhdr head;
    size_t name, desc, next = 0;
    while (data && (next = gelf_getnote(data, next, &head, &name, &desc)) > 0) {
        const char *bytes = data->d_buf;
        if (head.n_type != NT_GNU_BUILD_ID || head.n_namesz != 4)
            continue;
        if (memcmp(bytes + name, "GNU", 4) != 0)
            continue;
        size_t length = head.n_descsz < 64 ? head.n_descsz : 64;
        for (size_t i = 0; i < length; i++)
            snprintf(image->build_id + 2 * i, 3, "%02x", (unsigned char)bytes[desc + i]);
        return;
    }
}

static void read_dynamic(Elf *elf, const struct segment *dynamic, struct image *image)
{
    Elf_Data *data =
        elf_getdata_rawchunk(elf, (int64_t)dynamic->offset, dynamic->filesz, ELF_T_DYN);
    GElf_Dyn entry;
    for (int i = 0; data && gelf_getdyn(data, i, &entry) && entry.d_tag != DT_NULL; i++) {
        image->needed += entry.d_tag == DT_NEEDED;
        if (entry.d_tag == DT_TEXTREL || (entry.d_tag == DT_FLAGS && entry.d_un.d_val & DF_TEXTREL))
            image->text_relocations = true;
    }
}

static int read_segments(Elf *elf, struct image *image)
{
    size_t count;
    if (elf_getphdrnum(elf, &count) < 0)
        return -ENOEXEC;
    image->segments = calloc(count ? count : 1, sizeof *image->segments);
    if (!image->segments)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr head;
        if (!gelf_getphdr(elf, (int)i, &head))
            return -ENOEXEC;
        struct segment *segment = &image->segments[image->segment_count++];
        *segment = (struct segment){head.p_type,  head.p_flags, head.p_offset, head.p_vaddr,
                                    head.p_filesz, head.p_memsz, head.p_align};
        if (head.p_type == PT_NOTE && !image->build_id[0])
            read_build_id(elf, segment, image);
        else if (head.p_type == PT_DYNAMIC)
            read_dynamic(elf, segment, image);
    }
    return 0;
}

/* Has libelf read the headers, and ends `elf`, which may be NULL. */
static int read_image(Elf *elf, struct image *image)
{
    GElf_Ehdr head;
    int err = -ENOEXEC;
    if (elf && elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &head)) {
        image->class = gelf_getclass(elf);
        image->machine = head.e_machine;
        image->type = head.e_type;
        image->entry = head.e_entry;
        err = read_segments(elf, image);
    }
    elf_end(elf);
    if (err)
        image_free(image);
    return err;
}

static Elf *begin(int fd)
{
    elf_version(EV_CURRENT);
    return elf_begin(fd, ELF_C_READ, NULL);
}

int image_open(const char *path, struct image *image)
{
    *image = (struct image){0};
    int fd = file_open(path);
    if (fd < 0)
        return fd;
    struct stat st;
    int err = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -ENOEXEC;
    if (!err) {
        image->device = st.st_dev;
        image->inode = st.st_ino;
        image->size = (uint64_t)st.st_size;
        err = native_read(fd, image);
        if (err > 0)
            err = read_image(begin(fd), image);
    }
    close(fd);
    return err;
}

int image_from_memory(const void *bytes, size_t size, struct image *image)
{
    *image = (struct image){0};
    elf_version(EV_CURRENT);
    char *copy = malloc(size ? size : 1); /* libelf wants memory that it may write to */
    if (!copy)
        return -ENOMEM;
    memcpy(copy, bytes, size);
    int err = read_image(elf_memory(copy, size), image);
    free(copy);
    return err;
}

void image_free(struct image *image)
{
    free(image->segments);
    *image = (struct image){0};
}

bool image_is_native(const struct image *image)
{
    return image->class == ELFCLASS64 && image->machine == ARCH_ELF_MACHINE;
}
