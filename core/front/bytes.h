/* SPDX-License-Identifier: Apache-2.0
 * Strings and bytes without the C library: see system.h. */
#ifndef TIEXEC_BYTES_H
#define TIEXEC_BYTES_H

#include <stdbool.h>
#include <stddef.h>

/* The length of a string; `most` if it is longer, or has no end before that. */
static inline size_t bytes_length(const char *text, size_t most)
{
    size_t length = 0;
    /* cppcheck-suppress arrayIndexOutOfBoundsCond ; a string ends before that */
    while (length < most && text[length])
        length++;
    return length;
}

/* How many characters come before the first one that is `a`, `b` or the end. */
static inline size_t bytes_until(const char *text, char a, char b)
{
    size_t length = 0;
    while (text[length] && text[length] != a && text[length] != b)
        length++;
    return length;
}

static inline bool bytes_equal(const void *one, const void *other, size_t size)
{
    const char *a = one, *b = other;
    size_t i = 0;
    while (i < size && a[i] == b[i])
        i++;
    return i == size;
}

/* Tells whether a string begins with another one. */
static inline bool bytes_begin(const char *text, const char *start)
{
    while (*start && *text == *start)
        text++, start++;
    return !*start;
}

static inline bool bytes_same(const char *one, const char *other)
{
    size_t length = bytes_length(other, (size_t)-1);
    return bytes_begin(one, other) && !one[length];
}

/* Tells whether a path ends with a name. */
static inline bool bytes_end(const char *path, const char *name)
{
    size_t size = bytes_length(path, (size_t)-1), length = bytes_length(name, (size_t)-1);
    return size > length && path[size - length - 1] == '/' &&
           bytes_same(path + size - length, name);
}

static inline void bytes_copy(void *to, const void *from, size_t size)
{
    char *a = to;
    const char *b = from;
    for (size_t i = 0; i < size; i++)
        a[i] = b[i]; /* NOLINT: the caller knows how much was read */
}

/* Appends a string, and a NUL, to a buffer of which `*used` characters are in use. Returns false,
 * and leaves the buffer without a sense, where there is no room. */
static inline bool bytes_append(char *buffer, size_t room, size_t *used, const char *text,
                                size_t length)
{
    if (*used >= room || length >= room - *used)
        return false;
    bytes_copy(buffer + *used, text, length);
    *used += length;
    buffer[*used] = '\0';
    return true;
}

/* The same of a whole string. */
static inline bool bytes_add(char *buffer, size_t room, size_t *used, const char *text)
{
    return bytes_append(buffer, room, used, text, bytes_length(text, room));
}

#endif
