/* SPDX-License-Identifier: Apache-2.0
 * The options with which a program's start is traced. */
#ifndef TIEXEC_FRONT_OPTIONS_H
#define TIEXEC_FRONT_OPTIONS_H

#include <sys/ptrace.h>

/* PTRACE_O_EXITKILL comes at the exec: a tracer that ends before has done nothing. */
#define FRONT_TRACE_OPTIONS (PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE | PTRACE_O_TRACESYSGOOD)

#endif
