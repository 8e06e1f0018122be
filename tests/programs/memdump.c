/* SPDX-License-Identifier: Apache-2.0
 * memdump PID: reads lines "START-STOP" (hexadecimal) and writes after each one what is there now, read
 * from /proc/PID/mem: "zero", or a hash of the bytes. A page that cannot be read counts as such. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BLOCK (1 << 20)
#define PAGE 4096

struct sum {
    uint64_t hash;
    bool zero;
};

static void add(struct sum *sum, const uint64_t *words, size_t count)
{
    uint64_t hash = sum->hash, any = 0;
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
        any |= words[i];
    }
    sum->hash = hash;
    sum->zero &= any == 0;
}

static void add_unreadable(struct sum *sum)
{
    static const uint64_t mark[1] = {UINT64_C(0x756e726561646162)};
    add(sum, mark, 1);
}

static void add_range(struct sum *sum, int mem, uint64_t start, uint64_t stop)
{
    static uint64_t buffer[BLOCK / 8];
    while (start < stop) {
        size_t want = stop - start < BLOCK ? (size_t)(stop - start) : BLOCK;
        ssize_t got = pread(mem, buffer, want, (off_t)start);
        got = got < 0 ? 0 : got - got % PAGE;
        add(sum, buffer, (size_t)got / 8);
        if (got == 0)
            add_unreadable(sum);
        start += got ? (uint64_t)got : PAGE;
    }
}

int main(int argc, char **argv)
{
    char path[64];
    uint64_t start, stop;
    if (argc != 2)
        return 2;
    snprintf(path, sizeof path, "/proc/%s/mem", argv[1]);
    int mem = open(path, O_RDONLY | O_CLOEXEC);
    if (mem < 0) {
        perror(path);
        return 1;
    }
    while (scanf("%" SCNx64 "-%" SCNx64, &start, &stop) == 2) {
        struct sum sum = {0, true};
        add_range(&sum, mem, start, stop);
        if (sum.zero)
            printf("%" PRIx64 "-%" PRIx64 " zero\n", start, stop);
        else
            printf("%" PRIx64 "-%" PRIx64 " %016" PRIx64 "\n", start, stop, sum.hash);
    }
    return 0;
}
