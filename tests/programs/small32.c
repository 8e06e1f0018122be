/* SPDX-License-Identifier: Apache-2.0
 * The same for 32-bit x86. */
#include "small.c"
