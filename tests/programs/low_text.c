/* SPDX-License-Identifier: Apache-2.0
 * A program whose text begins at 64 KiB, the lowest address there is. It follows a null pointer. */
#include "arch.h"

#include <stdio.h>

__asm__(".pushsection .text.unlikely, \"ax\", %progbits\n" TRAPS(0x500000) ".popsection");

int main(void)
{
    int *volatile null = 0;
    puts("before");
    fflush(stdout);
    printf("%d\n", *null);
    return 0;
}
