/* SPDX-License-Identifier: Apache-2.0
 * static_exec.c as a position-independent program, which relocates itself. */
#include "static_exec.c"
