/* SPDX-License-Identifier: Apache-2.0 */
#include "front/pages.h"

#include "arch.h"
#include "front/bytes.h"
#include "front/system.h"

#include <unistd.h>

#define SYS_MM   "/sys/kernel/mm/"
#define THP_SIZE SYS_MM "transparent_hugepage/hpage_pmd_size"

/* Tells whether a file of sysfs, "before" NUMBER "after", is absent, or begins with a text. */
static bool is_off(const char *before, uint64_t number, const char *after, const char *text)
{
    char path[128], digits[24], content[64];
    size_t used = 0, count = sizeof digits;
    do
        digits[--count] = (char)('0' + number % 10);
    while (number /= 10);
    if (!bytes_append(path, sizeof path, &used, before, bytes_length(before, sizeof path)) ||
        !bytes_append(path, sizeof path, &used, digits + count, sizeof digits - count) ||
        !bytes_append(path, sizeof path, &used, after, bytes_length(after, sizeof path)))
        return false;
    int fd = system_open(path);
    if (fd < 0)
        return fd == -ENOENT;
    long got = system_read_at(fd, content, sizeof content - 1, 0);
    system_close(fd);
    content[got > 0 ? got : 0] = '\0';
    const char *at = content;
    while (*at && !bytes_begin(at, text))
        at++;
    return *at != '\0' && (*text == '[' || at == content);
}

/* Since Linux 6.8 each size of pages has a switch of its own, which is at "never" by default. */
static bool are_given_out(uint64_t size)
{
    uint64_t kib = size / 1024;
    return !is_off(SYS_MM "transparent_hugepage/hugepages-", kib, "kB/enabled", "[never]") ||
           !is_off(SYS_MM "hugepages/hugepages-", kib, "kB/nr_hugepages", "0\n") ||
           !is_off(SYS_MM "hugepages/hugepages-", kib, "kB/nr_overcommit_hugepages", "0\n");
}

uint64_t pages_smallest(uint64_t page)
{
    uint64_t pmd = page * (page / sizeof(uint64_t)), run = ARCH_CONTIGUOUS_SIZE(page);
    if (system_call(SYS_faccessat, AT_FDCWD, (long)THP_SIZE, R_OK, 0) != 0)
        return 0;
    return run && run < pmd && are_given_out(run) ? run : pmd;
}
