/* SPDX-License-Identifier: Apache-2.0
 * state.c, linked with the library constructor.c. */
#include "state.c"
