/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/host.h"

#include "arch.h"
#include "base/file.h"
#include "proc/process.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#define SYS_MM "/sys/kernel/mm/"

/* Reads the word in brackets of a sysfs choice: "always [madvise] never" gives "madvise". `word`
 * becomes "" when the file cannot be read. */
static void read_choice(const char *path, char *word, size_t size)
{
    char *text;
    size_t length;
    word[0] = '\0';
    if (file_read_at_once(path, &text, &length))
        return;
    char *open = strchr(text, '['), *close = open ? strchr(open, ']') : NULL;
    if (close) {
        *close = '\0';
        snprintf(word, size, "%s", open + 1);
    }
    free(text);
}

/* Since Linux 6.8 each page size has a switch of its own, which says "inherit" by default. */
static void read_thp_mode(struct host *host)
{
    char path[128];
    snprintf(path, sizeof path, SYS_MM "transparent_hugepage/hugepages-%llukB/enabled",
             (unsigned long long)host->huge_page_size / 1024);
    read_choice(path, host->thp, sizeof host->thp);
    bool has_no_own = !host->thp[0] && host->huge_page_size == host->pmd_size;
    if (has_no_own || strcmp(host->thp, "inherit") == 0)
        read_choice(SYS_MM "transparent_hugepage/enabled", host->thp, sizeof host->thp);
}

static uint64_t read_pool_count(const char *pool, const char *name)
{
    char path[320];
    uint64_t value = 0;
    snprintf(path, sizeof path, SYS_MM "hugepages/%s/%s", pool, name);
    return file_read_u64(path, &value) ? 0 : value;
}

/* The total counts free, reserved and surplus pages too. So the files of an empty pool need not be
 * read. */
static struct host_pool read_pool(const char *name, uint64_t page_size)
{
    struct host_pool pool = {
        .page_size = page_size,
        .total = read_pool_count(name, "nr_hugepages"),
        .overcommit = read_pool_count(name, "nr_overcommit_hugepages"),
    };
    if (pool.total) {
        pool.free = read_pool_count(name, "free_hugepages");
        pool.reserved = read_pool_count(name, "resv_hugepages");
        pool.surplus = read_pool_count(name, "surplus_hugepages");
    }
    return pool;
}

static void read_pools(struct host *host)
{
    DIR *dir = opendir(SYS_MM "hugepages");
    struct dirent *entry;
    while (dir && (entry = readdir(dir)) && host->pool_count < 8) {
        const char *name = entry->d_name;
        if (strncmp(name, "hugepages-", 10) != 0)
            continue;
        host->pools[host->pool_count++] = read_pool(name, strtoull(name + 10, NULL, 10) * 1024);
    }
    if (dir)
        closedir(dir);
}

/* Reads the PMD size. THP tells it since Linux 4.10. A kernel built without THP has it as the
 * default size of hugetlb pages, on every CPU that tiexec supports. */
static uint64_t read_huge_page_size(void)
{
    uint64_t size = 0;
    char *text;
    size_t length;
    if (file_read_u64(SYS_MM "transparent_hugepage/hpage_pmd_size", &size) == 0)
        return size;
    if (file_read_at_once("/proc/meminfo", &text, &length))
        return 0;
    const char *line = strstr(text, "Hugepagesize:");
    if (line)
        size = strtoull(line + strlen("Hugepagesize:"), NULL, 10) * 1024;
    free(text);
    return size;
}

/* The size never changes while a kernel runs, so it is read once. */
uint64_t host_huge_page_size(void)
{
    static uint64_t size;
    if (!size)
        size = read_huge_page_size();
    return size;
}

/* Counts the nodes of a list such as "0-3,8", which has five. */
unsigned host_nodes(void)
{
    char *text;
    size_t size;
    unsigned count = 0;
    if (file_read_at_once("/sys/devices/system/node/has_memory", &text, &size))
        return 1;
    for (char *at = text; *at >= '0' && *at <= '9';) {
        unsigned long first = strtoul(at, &at, 10);
        unsigned long last = *at == '-' ? strtoul(at + 1, &at, 10) : first;
        count += (unsigned)(last - first + 1);
        at += *at == ',';
    }
    free(text);
    return count ? count : 1;
}

/* Maps a large file twice, as a dynamic linker would, and looks at both addresses. The size is an
 * odd number of pages, so that the second mapping, right below the first, is not congruent by
 * chance. Where segments are aligned to more than a page, dynamic linkers first reserve memory
 * without access and map the library over it; then it is the reservation whose place counts. */
bool host_places_congruent(const char *path, uint64_t huge_page_size)
{
    long page = sysconf(_SC_PAGESIZE);
    size_t size = (size_t)(2 * huge_page_size) + (size_t)page;
    bool by_file = ARCH_SEGMENT_ALIGN <= page;
    uintptr_t bits = 0;
    int fd = file_open(path);
    void *at[2] = {MAP_FAILED, MAP_FAILED};
    for (int i = 0; i < 2 && fd >= 0; i++) {
        at[i] = by_file ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0)
                        : mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at[i] != MAP_FAILED)
            bits |= (uintptr_t)at[i];
    }
    for (int i = 0; i < 2; i++)
        if (at[i] != MAP_FAILED)
            munmap(at[i], size);
    if (fd >= 0)
        close(fd);
    return (bits & (huge_page_size - 1)) == 0;
}

int host_thp_bytes(uint64_t size, uint64_t *bytes)
{
    DIR *dir = opendir(SYS_MM "transparent_hugepage");
    struct dirent *entry;
    int err = -ENOENT;
    *bytes = 0;
    while (dir && (entry = readdir(dir))) {
        char path[320];
        uint64_t count, its_size;
        if (strncmp(entry->d_name, "hugepages-", 10) != 0)
            continue;
        its_size = strtoull(entry->d_name + 10, NULL, 10) * 1024;
        snprintf(path, sizeof path, SYS_MM "transparent_hugepage/%s/stats/anon_fault_alloc",
                 entry->d_name);
        if (its_size < size || file_read_u64(path, &count))
            continue;
        *bytes += count * its_size;
        err = 0;
    }
    if (dir)
        closedir(dir);
    return err;
}

/* The version never changes while a kernel runs. */
static void read_version(struct host *host)
{
    static struct utsname name;
    char *rest;
    if (!name.release[0] && uname(&name) < 0)
        return;
    snprintf(host->kernel, sizeof host->kernel, "%s", name.release);
    host->kernel_major = (unsigned)strtoul(name.release, &rest, 10);
    if (*rest == '.')
        host->kernel_minor = (unsigned)strtoul(rest + 1, NULL, 10);
}

void host_read_basics(struct host *host, uint64_t huge_page_size)
{
    *host = (struct host){.yama = -1};
    host->page_size = (uint64_t)sysconf(_SC_PAGESIZE);
    host->pmd_size = host_huge_page_size();
    host->huge_page_size = huge_page_size ? huge_page_size : host->pmd_size;
    host->contiguous_size = ARCH_CONTIGUOUS_SIZE(host->page_size);
    read_version(host);
}

void host_read(struct host *host, uint64_t huge_page_size)
{
    uint64_t yama;
    host_read_basics(host, huge_page_size);
    read_thp_mode(host);
    read_choice(SYS_MM "transparent_hugepage/shmem_enabled", host->shmem_thp,
                sizeof host->shmem_thp);
    if (file_read_u64("/proc/sys/kernel/yama/ptrace_scope", &yama) == 0)
        host->yama = (int)yama;
    host->nodes = host_nodes();
    host->uid = geteuid();
    if (process_status(getpid(), "CapEff", 16, &host->capabilities))
        host->capabilities = 0;
    read_pools(host);
}
