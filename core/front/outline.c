/* SPDX-License-Identifier: Apache-2.0 */
#include "front/outline.h"

#include "arch.h"
#include "front/bytes.h"
#include "front/system.h"

#include <elf.h>

#define DYNAMIC_ENTRIES 128 /* that are looked at: hardly a file has half as many */
#define NAME_BYTES      256 /* of what a file needs */
#define STRING_BYTES    16384 /* of a table of strings: most programs have a tenth of it */
#define STRING_PART     1024  /* that are looked at together */
#define TEXT_PER_PAGE   16  /* less than this part of a huge page is not worth one */
#define TOP             (UINT64_C(1) << 56) /* beyond all addresses and offsets that are taken */

static long read_at(int fd, void *bytes, size_t size, uint64_t offset)
{
    return offset < TOP ? system_read_at(fd, bytes, size, offset) : -ENOEXEC;
}

/* Reads exactly so many bytes. */
static int read_all(int fd, void *bytes, size_t size, uint64_t offset)
{
    long got = read_at(fd, bytes, size, offset);
    return got < 0 ? (int)got : (size_t)got == size ? 0 : -ENOEXEC;
}

static bool is_native(const Elf64_Ehdr *head)
{
    return bytes_equal(head->e_ident, ELFMAG, SELFMAG) && head->e_ident[EI_CLASS] == ELFCLASS64 &&
           head->e_ident[EI_DATA] == ELFDATA2LSB && head->e_machine == ARCH_ELF_MACHINE &&
           (head->e_type == ET_EXEC || head->e_type == ET_DYN) &&
           head->e_phentsize == sizeof(Elf64_Phdr);
}

static int add_load(struct outline *outline, const Elf64_Phdr *segment)
{
    if (segment->p_memsz == 0)
        return 0;
    if (segment->p_vaddr >= TOP || segment->p_memsz >= TOP || segment->p_offset >= TOP)
        return -ENOEXEC;
    if (outline->load_count == OUTLINE_LOADS)
        return -E2BIG;
    struct outline_load *load = &outline->loads[outline->load_count++];
    load->start = segment->p_vaddr;
    load->stop = segment->p_vaddr + segment->p_memsz;
    load->offset = segment->p_offset;
    load->text = segment->p_flags & PF_X;
    load->writable = segment->p_flags & PF_W;
    return 0;
}

static int read_interpreter(int fd, const Elf64_Phdr *segment, struct outline *outline)
{
    size_t size = segment->p_filesz;
    if (size < 2 || size > sizeof outline->interpreter)
        return -E2BIG;
    int err = read_all(fd, outline->interpreter, size, segment->p_offset);
    return err || outline->interpreter[size - 1] == '\0' ? err : -ENOEXEC;
}

/* Gives the place in the file of what will be at an address. The string table is in a segment that
 * is not written to. */
static int offset_of(const struct outline *outline, uint64_t address, uint64_t *offset)
{
    for (size_t i = 0; i < outline->load_count; i++) {
        const struct outline_load *load = &outline->loads[i];
        if (address >= load->start && address < load->stop) {
            *offset = load->offset + (address - load->start);
            return 0;
        }
    }
    return -ENOEXEC;
}

static int add_name(int fd, uint64_t offset, struct outline *outline)
{
    char *name = outline->names + outline->names_size;
    size_t room = sizeof outline->names - outline->names_size;
    long got = read_at(fd, name, room < NAME_BYTES ? room : NAME_BYTES, offset);
    if (got < 0)
        return (int)got;
    size_t length = bytes_length(name, (size_t)got);
    if (length == (size_t)got)
        return -E2BIG;
    outline->names_size += length + 1;
    return 0;
}

/* Tells whether an entry has libraries looked for elsewhere than in the dynamic linker's list. */
static bool has_rules(const Elf64_Dyn *entry)
{
    switch (entry->d_tag) {
    case DT_RPATH:
    case DT_RUNPATH:
    case DT_AUXILIARY:
    case DT_FILTER:
    case DT_AUDIT:
    case DT_DEPAUDIT:
        return true;
    case DT_FLAGS_1:
        return entry->d_un.d_val & DF_1_NODEFLIB;
    default:
        return false;
    }
}

/* Tells whether a name ends with that of a function by which new text comes into a process. The
 * linker may have put a name into the end of another one. */
static bool is_changing(const char *name, size_t length)
{
    static const char *const names[] = {
        "execl",       "execle",       "execlp", "execv",   "execve", "execveat", "execvp",
        "execvpe",     "posix_spawn",  "dlopen", "dlmopen", "system", "popen",    "wordexp",
        "posix_spawnp", "syscall"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t size = bytes_length(names[i], NAME_BYTES);
        if (size <= length && bytes_equal(name + length - size, names[i], size))
            return true;
    }
    return false;
}

/* Tells whether none of the strings in a buffer is such a name. `*rest` is set to the bytes after
 * the last one that is whole. */
static bool are_steady(const char *strings, size_t size, size_t *rest)
{
    size_t at = 0;
    for (;;) {
        size_t length = bytes_length(strings + at, size - at);
        if (at + length == size)
            break;
        if (is_changing(strings + at, length))
            return false;
        at += length + 1;
    }
    *rest = size - at;
    return true;
}

/* Tells whether a table of strings, which has the names of what a file imports, has none of those.
 * What cannot be read, or is long, may have some. The stack may be small. */
static bool is_steady(int fd, uint64_t table, uint64_t size)
{
    char strings[STRING_PART];
    size_t kept = 0;
    if (size == 0 || size > STRING_BYTES)
        return false;
    for (uint64_t done = 0; done < size;) {
        size_t part = sizeof strings - kept;
        part = part < size - done ? part : (size_t)(size - done);
        if (part == 0 || read_all(fd, strings + kept, part, table + done))
            return false;
        size_t all = kept + part;
        if (!are_steady(strings, all, &kept))
            return false;
        bytes_copy(strings, strings + all - kept, kept);
        done += part;
    }
    return kept == 0;
}

static int read_dynamic(int fd, const Elf64_Phdr *segment, struct outline *outline)
{
    Elf64_Dyn entries[DYNAMIC_ENTRIES];
    uint64_t needed[DYNAMIC_ENTRIES], strings = 0, table = 0, size = 0;
    size_t count = segment->p_filesz / sizeof *entries, needed_count = 0;
    needed[0] = 0;
    if (count > DYNAMIC_ENTRIES)
        count = DYNAMIC_ENTRIES;
    int err = read_all(fd, entries, count * sizeof *entries, segment->p_offset);
    size_t i = 0;
    for (; !err && i < count && entries[i].d_tag != DT_NULL; i++) {
        int64_t tag = entries[i].d_tag;
        if (tag == DT_NEEDED)
            needed[needed_count++] = entries[i].d_un.d_val;
        else if (tag == DT_STRTAB)
            strings = entries[i].d_un.d_ptr;
        else if (tag == DT_STRSZ)
            size = entries[i].d_un.d_val;
        outline->has_search |= has_rules(&entries[i]);
    }
    if (!err && i == count)
        err = -E2BIG; /* its end was not found */
    int lost = err ? err : offset_of(outline, strings, &table);
    if (outline->may_change)
        outline->may_change = lost || !is_steady(fd, table, size);
    if (!err && needed_count)
        err = lost;
    for (size_t n = 0; !err && n < needed_count; n++)
        err = needed[n] < TOP ? add_name(fd, table + needed[n], outline) : -ENOEXEC;
    return err;
}

/* Reads one kind of segments, so that the loaded ones are known before what they hold. */
static int read_segments(int fd, const Elf64_Phdr *segments, size_t count, uint32_t type,
                         struct outline *outline)
{
    int err = 0;
    for (size_t i = 0; !err && i < count; i++) {
        if (segments[i].p_type != type)
            continue;
        err = type == PT_LOAD     ? add_load(outline, &segments[i])
              : type == PT_INTERP ? read_interpreter(fd, &segments[i], outline)
                                  : read_dynamic(fd, &segments[i], outline);
    }
    return err;
}

/* `may_change` of the outline says whether that is looked for. */
static int read_outline(int fd, struct outline *outline)
{
    _Alignas(Elf64_Ehdr) unsigned char bytes[OUTLINE_HEADERS];
    Elf64_Phdr segments[OUTLINE_HEADERS / sizeof(Elf64_Phdr)];
    Elf64_Ehdr head;
    outline->load_count = outline->names_size = 0;
    outline->has_search = false;
    outline->interpreter[0] = '\0';
    long got = read_at(fd, bytes, sizeof bytes, 0);
    if (got < (long)sizeof head)
        return got < 0 ? (int)got : -ENOEXEC;
    bytes_copy(&head, bytes, sizeof head);
    if (!is_native(&head))
        return -ENOEXEC;
    size_t size = head.e_phnum * sizeof *segments;
    if (head.e_phoff > (size_t)got || size > (size_t)got - head.e_phoff)
        return -E2BIG;
    bytes_copy(segments, bytes + head.e_phoff, size);
    outline->fixed = head.e_type == ET_EXEC;
    int err = read_segments(fd, segments, head.e_phnum, PT_LOAD, outline);
    if (!err)
        err = read_segments(fd, segments, head.e_phnum, PT_INTERP, outline);
    return err ? err : read_segments(fd, segments, head.e_phnum, PT_DYNAMIC, outline);
}

int outline_read(int fd, struct outline *outline)
{
    outline->may_change = true; /* a static program names nothing */
    return read_outline(fd, outline);
}

int outline_read_needs(int fd, struct outline *outline)
{
    outline->may_change = false;
    return read_outline(fd, outline);
}

/* ---- what can be gained ---- */

static bool is_text(const struct outline_load *load) { return load->text && !load->writable; }

/* How far a program is moved, modulo the huge page, so that its largest text is congruent. */
static uint64_t shift_of(const struct outline *outline, uint64_t huge)
{
    const struct outline_load *largest = NULL;
    for (size_t i = 0; !outline->fixed && i < outline->load_count; i++) {
        const struct outline_load *load = &outline->loads[i];
        if (is_text(load) &&
            (!largest || load->stop - load->start > largest->stop - largest->start))
            largest = load;
    }
    return largest ? (largest->offset - largest->start) & (huge - 1) : 0;
}

/* Tells whether something writable is in a range. Addresses are below TOP, so that they may be
 * signed: a range may begin below zero. */
static bool has_writable(const struct outline *outline, int64_t start, int64_t stop)
{
    for (size_t i = 0; i < outline->load_count; i++) {
        const struct outline_load *load = &outline->loads[i];
        if (load->writable && (int64_t)load->start < stop && start < (int64_t)load->stop)
            return true;
    }
    return false;
}

/* Tells whether a huge page holds text, and nothing that is written to. */
static bool has_free_page(const struct outline *outline, uint64_t huge)
{
    int64_t shift = (int64_t)shift_of(outline, huge), size = (int64_t)huge;
    for (size_t i = 0; i < outline->load_count; i++) {
        const struct outline_load *load = &outline->loads[i];
        int64_t at = (((int64_t)load->start + shift) & -size) - shift; /* a multiple, once moved */
        for (; is_text(load) && at < (int64_t)load->stop; at += size)
            if (!has_writable(outline, at, at + size))
                return true;
    }
    return false;
}

bool outline_may_gain(const struct outline *outline, uint64_t huge, uint64_t page, bool program)
{
    uint64_t text = 0, start = UINT64_MAX, stop = 0, least = huge / TEXT_PER_PAGE;
    bool writes = false;
    for (size_t i = 0; i < outline->load_count; i++) {
        const struct outline_load *load = &outline->loads[i];
        uint64_t end = (load->stop + page - 1) & -page, begin = load->start & -page;
        if (is_text(load))
            text += end - begin;
        writes |= load->writable;
        start = begin < start ? begin : start;
        stop = end > stop ? end : stop;
    }
    if (text < (least > 4 * page ? least : 4 * page))
        return false;
    if (stop - start >= huge || !writes)
        return true;
    return program && has_free_page(outline, huge);
}
