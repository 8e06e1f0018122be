/* SPDX-License-Identifier: Apache-2.0
 * Fills the scalable vector registers (AArch64's SVE), and looks whether they are the same after
 * `scalable_marker`: exits with 0, else with 1. `scalable streaming`: in SME's streaming mode. Exits with
 * 77 where the CPU has no such thing. */
#include <string.h>
#include <sys/auxv.h>

#define HWCAP_SVE_BIT  (1ul << 22)
#define HWCAP2_SME_BIT (1ul << 23)

#define EACH(x) \
    x(0) x(1) x(2) x(3) x(4) x(5) x(6) x(7) x(8) x(9) x(10) x(11) x(12) x(13) x(14) x(15) \
    x(16) x(17) x(18) x(19) x(20) x(21) x(22) x(23) x(24) x(25) x(26) x(27) x(28) x(29) x(30) x(31)
#define FILL(n)  "index z" #n ".b, #(" #n " - 16), #3\n"
#define STORE(n) "str z" #n ", [x0, #" #n ", mul vl]\n"

unsigned char before[32 * 256], after[32 * 256], masks[2][32];

void fill_and_store(void *before, void *after, void *mask_before, void *mask_after);
void stream_and_store(void *before, void *after);

__asm__(".arch armv9-a+sve+sme\n"
        ".text\n"
        ".globl fill_and_store, stream_and_store, scalable_marker, streaming_marker\n"
        "fill_and_store:\n" EACH(FILL) "ptrue p3.h\n" EACH(STORE) "str p3, [x2]\n"
        "scalable_marker: nop\n"
        "mov x0, x1\n" EACH(STORE) "str p3, [x3]\n"
        "ret\n"
        "stream_and_store: smstart sm\n" EACH(FILL) EACH(STORE)
        "streaming_marker: nop\n"
        "mov x0, x1\n" EACH(STORE) "smstop sm\n"
        "ret\n");

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1 && !(getauxval(AT_HWCAP2) & HWCAP2_SME_BIT))
        return 77;
    if (argc == 1 && !(getauxval(AT_HWCAP) & HWCAP_SVE_BIT))
        return 77;
    if (argc > 1)
        stream_and_store(before, after);
    else
        fill_and_store(before, after, masks[0], masks[1]);
    return memcmp(before, after, sizeof before) != 0 || memcmp(masks[0], masks[1], sizeof masks[0]) != 0;
}
