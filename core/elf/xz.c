/* SPDX-License-Identifier: Apache-2.0 */
#include "elf/xz.h"

#include "base/library.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

/* <lzma.h>; the numbers are part of the library's binary interface. */
enum { LZMA_OK = 0, LZMA_BUF_ERROR = 10 };

#define MEMORY_LIMIT (UINT64_C(1) << 30)
#define OUT_LIMIT    ((size_t)256 << 20)

typedef int decode_function(uint64_t *memory_limit, uint32_t flags, const void *allocator,
                            const uint8_t *in, size_t *in_at, size_t in_size, uint8_t *out,
                            size_t *out_at, size_t out_size);

/* Tries once with `room` bytes for the result. Returns 0, -errno, or 1: there must be more room. */
static int decode(decode_function *function, const void *bytes, size_t size, size_t room,
                  void **out, size_t *out_size)
{
    uint64_t memory = MEMORY_LIMIT;
    size_t in_at = 0;
    *out_size = 0;
    *out = malloc(room);
    if (!*out)
        return -ENOMEM;
    int result = function(&memory, 0, NULL, bytes, &in_at, size, *out, out_size, room);
    if (result == LZMA_OK)
        return 0;
    free(*out);
    *out = NULL;
    return result == LZMA_BUF_ERROR ? 1 : -EBADMSG;
}

int xz_decompress(const void *bytes, size_t size, void **out, size_t *out_size)
{
    decode_function *function = NULL;
    const struct library_function wanted = {"lzma_stream_buffer_decode", &function};
    int err = library_bind("liblzma.so.5", &wanted, 1);
    if (err)
        return err;
    /* The library says the same of a stream that is cut short: that is refused at the limit. */
    for (size_t room = 4 * size + 4096; room <= OUT_LIMIT; room *= 2) {
        err = decode(function, bytes, size, room, out, out_size);
        if (err <= 0)
            return err;
    }
    return -EFBIG;
}
