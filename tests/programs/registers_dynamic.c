/* SPDX-License-Identifier: Apache-2.0
 * registers.c, with a dynamic linker and libraries before it. */
#include "registers.c"
