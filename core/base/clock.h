/* SPDX-License-Identifier: Apache-2.0
 * The clock by which this program waits and measures: it never goes back (CLOCK_MONOTONIC). */
#ifndef TIEXEC_CLOCK_H
#define TIEXEC_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_NEVER INT64_MAX

/* Nanoseconds since some moment in the past. */
int64_t clock_now(void);

/* The moment `timeout` milliseconds from now; CLOCK_NEVER for a negative timeout. */
int64_t clock_deadline(int timeout);

bool clock_is_past(int64_t deadline);

/* Milliseconds until `deadline`, as poll(2) takes them: 0 when it is past, -1 for CLOCK_NEVER. */
int clock_left(int64_t deadline);

/* Sleeps; a signal may end the sleep early. `nanoseconds` is less than a second. */
void clock_sleep(long nanoseconds);

#endif
