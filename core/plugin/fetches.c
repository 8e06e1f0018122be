/* SPDX-License-Identifier: Apache-2.0
 * A plugin of qemu-user's: it writes down which pages a program's first thread fetches its
 * instructions from.
 *   qemu-x86_64 -plugin build/fetches.so,out=FILE[,skip=N][,most=N] PROGRAM…
 * FILE gets the number of each page, eight bytes, whenever it is another one than before. It begins
 * after `skip` instructions, and ends the program after `most` more. FILE.maps gets the number of
 * instructions that were traced, that of all, and then what /proc/self/maps says: qemu's own
 * mappings, and at their own addresses those of the program. Children are not traced. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is needed of qemu's interface, which Debian has no header of. */
typedef uint64_t plugin_id;
struct plugin_block;
struct plugin_insn;
struct plugin_info;
enum { NO_REGISTERS = 0 };
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct plugin_block *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct plugin_block *, void (*)(unsigned, void *), int,
                                          void *);
void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct plugin_block *);
struct plugin_insn *qemu_plugin_tb_get_insn(const struct plugin_block *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct plugin_insn *);
size_t qemu_plugin_insn_size(const struct plugin_insn *);
int qemu_plugin_num_vcpus(void) __attribute__((weak));

#define EXPORTED __attribute__((visibility("default")))
EXPORTED int qemu_plugin_version = 1;
EXPORTED int qemu_plugin_install(plugin_id, const struct plugin_info *, int, char **);

enum { PAGE_BITS = 12 };

/* A run of instructions that qemu has translated at once. */
struct block {
    uint64_t first, last; /* numbers of pages; it may end within the next one */
    uint64_t count;       /* of instructions */
};

static uint64_t skip, most = UINT64_MAX, executed, page = UINT64_MAX;
static const char *path;
static FILE *out; /* NULL in children */

/* qemu 8.2 and later want version 2 at least, of which nothing differs here; they alone have this
 * function. */
__attribute__((constructor)) static void choose_version(void)
{
    if (qemu_plugin_num_vcpus)
        qemu_plugin_version = 2;
}

static void finish(void)
{
    char name[4096], line[4096];
    if (!out)
        return;
    fclose(out);
    out = NULL;
    snprintf(name, sizeof name, "%s.maps", path);
    FILE *to = fopen(name, "w"), *from = fopen("/proc/self/maps", "r");
    if (!to || !from)
        _exit(125);
    fprintf(to, "%llu %llu\n", (unsigned long long)(executed > skip ? executed - skip : 0),
            (unsigned long long)executed);
    while (fgets(line, sizeof line, from))
        fputs(line, to);
    fclose(from);
    fclose(to);
}

static void fetch(uint64_t next)
{
    if (next == page)
        return;
    page = next;
    fwrite(&page, sizeof page, 1, out);
}

static void on_block(unsigned cpu, void *data)
{
    const struct block *block = data;
    if (cpu || !out)
        return;
    executed += block->count;
    if (executed <= skip)
        return;
    if (executed - skip > most) {
        finish();
        _exit(0);
    }
    fetch(block->first);
    fetch(block->last);
}

/* Blocks live as long as the process: qemu does not say when it drops one. */
static void on_translation(plugin_id id, struct plugin_block *translated)
{
    (void)id;
    size_t count = qemu_plugin_tb_n_insns(translated);
    struct block *block = malloc(sizeof *block);
    if (!block)
        _exit(125);
    const struct plugin_insn *first = qemu_plugin_tb_get_insn(translated, 0);
    const struct plugin_insn *last = qemu_plugin_tb_get_insn(translated, count - 1);
    block->first = qemu_plugin_insn_vaddr(first) >> PAGE_BITS;
    block->last = (qemu_plugin_insn_vaddr(last) + qemu_plugin_insn_size(last) - 1) >> PAGE_BITS;
    block->count = count;
    qemu_plugin_register_vcpu_tb_exec_cb(translated, on_block, NO_REGISTERS, block);
}

/* What the buffer holds is its parent's. */
static void on_birth(void)
{
    if (out)
        __fpurge(out);
    out = NULL;
}

static void on_exit_of_program(plugin_id id, void *data)
{
    (void)id, (void)data;
    finish();
}

int qemu_plugin_install(plugin_id id, const struct plugin_info *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "out=", 4))
            path = strdup(argv[i] + 4);
        else if (!strncmp(argv[i], "skip=", 5))
            skip = strtoull(argv[i] + 5, NULL, 10);
        else if (!strncmp(argv[i], "most=", 5))
            most = strtoull(argv[i] + 5, NULL, 10);
        else
            return -1;
    }
    out = path ? fopen(path, "w") : NULL;
    if (!out || pthread_atfork(NULL, NULL, on_birth))
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, on_exit_of_program, NULL);
    return 0;
}
