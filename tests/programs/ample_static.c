/* SPDX-License-Identifier: Apache-2.0
 * The same, linked statically. */
#include "ample.c"
