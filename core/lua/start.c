/* SPDX-License-Identifier: Apache-2.0
 * The entry point of the static program: core/front, then the C library's start. */
#include "start.h"

ARCH_START("front_entry", "front_start_from");
