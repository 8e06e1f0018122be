/* SPDX-License-Identifier: Apache-2.0
 * A program with 5.5 MiB of text that looks at itself: it runs code at both ends and in the middle, in a
 * child too, sums up every byte of its text, and tells its tracer, unless it is
 * "untold". "wait": then it waits to be killed.
 * "line": it does not tell; two threads work meanwhile, one in its text and one in system calls; it
 * says "ready", waits for a line or the end of its input, and looks at itself again. */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FAR(section_name) __attribute__((noinline, section(section_name)))

/* GNU ld puts .text.sorted.* in the order of their names. */
FAR(".text.sorted.1") static uint64_t low(uint64_t x) { return x * 3 + 1; }
FAR(".text.sorted.3") static uint64_t middle(uint64_t x) { return x ^ x >> 7; }
FAR(".text.sorted.5") static uint64_t high(uint64_t x) { return x * 5 + 2; }

__asm__(".pushsection .text.sorted.2, \"ax\", %progbits\n"
        "filler_low: .set i, 0\n .rept 0x58000\n .quad i * 0x9e3779b97f4a7c15\n .set i, i + 1\n .endr\n"
        ".popsection\n"
        ".pushsection .text.sorted.4, \"ax\", %progbits\n"
        "filler_high: .rept 0x58000\n .quad i * 0x9e3779b97f4a7c15\n .set i, i + 1\n .endr\n"
        ".popsection\n");

static uint64_t compute(void)
{
    uint64_t x = 1;
    for (int i = 0; i < 1000; i++)
        x = high(middle(low(x)));
    return x;
}

static uint64_t sum_of_text(void)
{
    const volatile uint64_t *at = (const volatile uint64_t *)((uintptr_t)low & ~UINT64_C(7));
    const volatile uint64_t *end = (const volatile uint64_t *)((uintptr_t)high & ~UINT64_C(7));
    uint64_t sum = 0;
    while (at < end)
        sum = (sum << 1 | sum >> 63) ^ *at++;
    return sum;
}

static int tracer(void)
{
    char line[256];
    int pid = -1;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "TracerPid: %d", &pid) == 1)
            break;
    if (status)
        fclose(status);
    return pid;
}

static atomic_bool over;

static void *compute_on(void *result)
{
    uint64_t right = *(const uint64_t *)result, *wrong = NULL;
    while (!over && !wrong)
        if (compute() != right)
            wrong = result;
    return wrong;
}

static void *sleep_on(void *result)
{
    const struct timespec moment = {0, 1000000};
    void *wrong = NULL;
    while (!over && !wrong)
        if (nanosleep(&moment, NULL) < 0)
            wrong = result;
    return wrong;
}

static void wait_for_line(uint64_t result)
{
    pthread_t threads[2];
    void *wrong[2];
    char byte;
    pthread_create(&threads[0], NULL, compute_on, &result);
    pthread_create(&threads[1], NULL, sleep_on, &result);
    printf("ready\n");
    fflush(stdout);
    ssize_t n = read(0, &byte, 1);
    over = true;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], &wrong[i]);
    printf("line %zd, threads %d %d, result %" PRIx64 " text %" PRIx64 "\n", n, wrong[0] != NULL,
           wrong[1] != NULL, compute(), sum_of_text());
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int status = 0;
    uint64_t result = compute();
    for (int i = 1; i < argc; i++)
        printf("argument %s\n", argv[i]);
    bool tells = argc < 2 || (strcmp(argv[1], "line") != 0 && strcmp(argv[1], "untold") != 0);
    printf("result %" PRIx64 " text %" PRIx64 " tracer %d\n", result, sum_of_text(),
           tells && tracer() != 0);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        _exit(compute() == result ? 5 : 6);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return 1;
    printf("child %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    fflush(stdout);
    if (argc > 1 && strcmp(argv[1], "wait") == 0)
        for (;;)
            pause();
    if (argc > 1 && strcmp(argv[1], "line") == 0)
        wait_for_line(result);
    return 3;
}
