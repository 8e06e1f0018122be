/* SPDX-License-Identifier: Apache-2.0
 * A library with 5 MiB of text and 81 functions spread over it. `work` calls them all; `text_sum` reads
 * all that lies between the first and the last. MORE is how many bytes of text lie behind them. */
#include <stdint.h>

#define ROOM __asm__(".text\n.skip 65536, 0x5a\n");
#define F(n) long f##n(long x); long f##n(long x) { return x * (n) + 7; } ROOM
#define NINE(d) F(d##1) F(d##2) F(d##3) F(d##4) F(d##5) F(d##6) F(d##7) F(d##8) F(d##9)
NINE(1) NINE(2) NINE(3) NINE(4) NINE(5) NINE(6) NINE(7) NINE(8) NINE(9)

#define N(n) + f##n(x)
#define NINE_OF(d) N(d##1) N(d##2) N(d##3) N(d##4) N(d##5) N(d##6) N(d##7) N(d##8) N(d##9)
__attribute__((visibility("default"))) long work(long x);
long work(long x)
{
    return 0 NINE_OF(1) NINE_OF(2) NINE_OF(3) NINE_OF(4) NINE_OF(5) NINE_OF(6) NINE_OF(7) NINE_OF(8)
        NINE_OF(9);
}

__attribute__((visibility("default"))) uint64_t text_sum(void);
uint64_t text_sum(void)
{
    uint64_t sum = 0;
    for (uintptr_t at = (uintptr_t)f11; at + 64 <= (uintptr_t)f99; at += 64)
        sum = sum * 31 + *(const volatile uint32_t *)at;
    return sum;
}

#ifdef MORE
#define TEXT_OF(size) #size
#define SKIP(size)    __asm__(".text\n.skip " TEXT_OF(size) ", 0x5a\n")
SKIP(MORE);
#endif
