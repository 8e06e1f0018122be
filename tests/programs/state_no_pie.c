/* SPDX-License-Identifier: Apache-2.0
 * state.c, linked another way. */
#include "state.c"
