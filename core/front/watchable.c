/* SPDX-License-Identifier: Apache-2.0 */
#include "front/watchable.h"

#include "front/bytes.h"
#include "front/system.h"

#include <stdbool.h>

#define CPUS_ONLINE "/sys/devices/system/cpu/online"
#define PARANOID    "/proc/sys/kernel/perf_event_paranoid"
#define STATUS      "/proc/self/status"
#define CAPABLE     "\nCapEff:\t"

#ifndef CAP_SYS_ADMIN
#define CAP_SYS_ADMIN 21
#endif
#ifndef CAP_PERFMON
#define CAP_PERFMON 38 /* Linux 5.8 */
#endif

const char watchable_filtered[] =
    "a seccomp filter is in force: only --follow=auto tries a watch all the same";
const char watchable_advice[] = "; --follow=fork or --follow=dlopen may do without a watch";

/* Reads a small file, with a NUL at its end. Returns false if there is nothing to be read. */
static bool read_text(const char *path, char *text, size_t size)
{
    int fd = system_open(path);
    text[0] = '\0';
    if (fd < 0)
        return false;
    long got = system_read_at(fd, text, size - 1, 0);
    system_close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static unsigned number_at(const char **at)
{
    unsigned number = 0;
    while (is_digit(**at))
        number = number * 10 + (unsigned)(*(*at)++ - '0');
    return number;
}

/* How many CPUs a list of the kernel's has: "0-3,8". */
static unsigned count_cpus(const char *list)
{
    unsigned count = 0;
    while (is_digit(*list)) {
        unsigned first = number_at(&list), last = first;
        if (*list == '-') {
            list++;
            last = number_at(&list);
        }
        count += last - first + 1;
        if (*list == ',')
            list++;
    }
    return count;
}

/* Tells whether this process has one of the rights that perf events may need. */
static bool is_capable(void)
{
    char status[4096];
    uint64_t set = 0;
    if (!read_text(STATUS, status, sizeof status))
        return false;
    const char *at = status;
    while (*at && !bytes_begin(at, CAPABLE))
        at++;
    if (!*at)
        return false;
    for (at += sizeof CAPABLE - 1; is_digit(*at) || (*at >= 'a' && *at <= 'f'); at++)
        set = set << 4 | (uint64_t)(is_digit(*at) ? *at - '0' : *at - 'a' + 10);
    return (set >> CAP_SYS_ADMIN & 1) || (set >> CAP_PERFMON & 1);
}

static void add(char words[WATCHABLE_WORDS], size_t *used, const char *text)
{
    bytes_add(words, WATCHABLE_WORDS, used, text);
}

/* Makes words of a text, a number, and another text. */
static const char *join(char words[WATCHABLE_WORDS], const char *before, unsigned number,
                        const char *after)
{
    char digits[16];
    size_t used = 0, at = sizeof digits;
    digits[--at] = '\0';
    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    add(words, &used, before);
    add(words, &used, digits + at);
    add(words, &used, after);
    return words;
}

/* What the kernel, or a filter, answers to any call of perf_event_open. NULL: it is not refused. */
static const char *refusal_of_call(void)
{
    const long arguments[6] = {0, 0, -1, -1, 0, 0};
    long err = arch_call(SYS_perf_event_open, arguments);
    return err == -EFAULT || err == -EINVAL ? NULL
           : err == -EACCES                 ? "perf events: Permission denied"
           : err == -EPERM                  ? "perf events: Operation not permitted"
           : err == -ENOSYS                 ? "perf events: Function not implemented"
                                            : "perf events are refused";
}

const char *watchable_refusal(unsigned most, char words[WATCHABLE_WORDS])
{
    char text[256];
    unsigned cpus = read_text(CPUS_ONLINE, text, sizeof text) ? count_cpus(text) : 0;
    if (cpus > most)
        return join(words, "each new thread would cost too much on a host with ", cpus, " CPUs");
    if (!read_text(PARANOID, text, sizeof text))
        return "this kernel has no perf events";
    const char *at = text, *refused = refusal_of_call();
    unsigned paranoid = number_at(&at); /* 0 for what begins with a minus, too */
    if (refused || paranoid <= 2 || is_capable())
        return refused;
    static const char why[] =
        "perf events are not for this user (sysctl kernel.perf_event_paranoid=2 lifts that; it is ";
    return join(words, why, paranoid, ")");
}
