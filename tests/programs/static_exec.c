/* SPDX-License-Identifier: Apache-2.0
 * A program with 5 MiB of text: it counts the bytes and lines of its input, from functions at both ends
 * of the text. static_pie.c is the same, linked otherwise. */
#include "arch.h"

#include <stdio.h>
#include <stdlib.h>

__asm__(".pushsection .text.unlikely, \"ax\", %progbits\n" TRAPS(0x500000) ".popsection");

static int compare(const void *a, const void *b)
{
    return *(const unsigned char *)a - *(const unsigned char *)b;
}

int main(void)
{
    static unsigned char bytes[1 << 16];
    size_t size = fread(bytes, 1, sizeof bytes, stdin), lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += bytes[i] == '\n';
    qsort(bytes, size, 1, compare);
    printf("%zu bytes, %zu lines, median %d\n", size, lines, size ? bytes[size / 2] : -1);
    return 7;
}
