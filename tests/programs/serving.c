/* SPDX-License-Identifier: Apache-2.0
 * serving FILE: computes, one unit after the other, and keeps the number of units in FILE, as text. It has 6 MiB of
 * text. While some of that is on huge pages each unit takes SLOW percent longer, if that variable is set. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STEPS 400000 /* of a unit: about a millisecond */
#define LOOK  40     /* units between two looks at its own pages */

__asm__(".text\n.fill 6 << 17, 8, 0x0123456789abcdef\n");

/* Whether an executable mapping has huge pages. */
static bool is_huge(void)
{
    char line[512];
    bool executable = false, huge = false;
    FILE *smaps = fopen("/proc/self/smaps", "r");
    while (smaps && fgets(line, sizeof line, smaps)) {
        char protection[5];
        unsigned long kib;
        if (sscanf(line, "%*x-%*x %4s", protection) == 1)
            executable = strchr(protection, 'x') != NULL;
        else if (executable && (sscanf(line, "AnonHugePages: %lu", &kib) == 1 ||
                                sscanf(line, "FilePmdMapped: %lu", &kib) == 1 ||
                                sscanf(line, "ShmemPmdMapped: %lu", &kib) == 1))
            huge |= kib > 0;
    }
    if (smaps)
        fclose(smaps);
    return huge;
}

int main(int argc, char **argv)
{
    long slow = getenv("SLOW") ? strtol(getenv("SLOW"), NULL, 10) : 0;
    int fd = argc > 1 ? open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0644) : -1;
    volatile uint64_t state = 1;
    if (fd < 0 || ftruncate(fd, 24) < 0)
        return 1;
    char *text = mmap(NULL, 24, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (text == MAP_FAILED)
        return 1;
    bool huge = false;
    for (long unit = 0;; unit++) {
        if (unit % LOOK == 0)
            huge = is_huge();
        long steps = STEPS + (huge ? STEPS / 100 * slow : 0);
        uint64_t one = state;
        for (long i = 0; i < steps; i++)
            one = one * 6364136223846793005u + 1442695040888963407u;
        state = one;
        char line[24];
        snprintf(line, sizeof line, "%-22ld\n", unit);
        memcpy(text, line, sizeof line - 1);
    }
}
