/* SPDX-License-Identifier: Apache-2.0
 * x86-64 memory protections: none beyond reading, writing and executing. */
#include "arch.h"

bool arch_has_protections(void) { return false; }

int arch_protections(const char *vm_flags)
{
    (void)vm_flags;
    return 0;
}
