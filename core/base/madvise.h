/* SPDX-License-Identifier: Apache-2.0
 * Advice of madvise(2) that older headers of the C library lack. A kernel that lacks it gives
 * -EINVAL. */
#ifndef TIEXEC_MADVISE_H
#define TIEXEC_MADVISE_H

#include <sys/mman.h>

#ifndef MADV_POPULATE_READ /* Linux 5.14 */
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE /* Linux 6.1 */
#define MADV_COLLAPSE 25
#endif

#endif
