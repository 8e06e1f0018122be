/* SPDX-License-Identifier: Apache-2.0
 * callable.c, whose functions keep frame pointers. */
#include "callable.c"
