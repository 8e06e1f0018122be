/* SPDX-License-Identifier: Apache-2.0
 * AArch64 memory protections: branch targets and tags. */
#include "arch.h"

#include <asm/hwcap.h>
#include <asm/mman.h>
#include <string.h>
#include <sys/auxv.h>

bool arch_has_protections(void)
{
    return getauxval(AT_HWCAP2) & (HWCAP2_BTI | HWCAP2_MTE);
}

int arch_protections(const char *vm_flags)
{
    if (strstr(vm_flags, "mt"))
        return -1;
    return strstr(vm_flags, "bt") ? PROT_BTI : 0;
}
