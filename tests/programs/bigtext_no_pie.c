/* SPDX-License-Identifier: Apache-2.0
 * The same at a fixed address, where the pages of its file can be huge at once. */
#include "bigtext.c"
