/* SPDX-License-Identifier: Apache-2.0 */
#include "front/find.h"

#include "front/bytes.h"
#include "front/system.h"

#include <unistd.h>

#ifndef SYS_faccessat2
#define SYS_faccessat2 439 /* Linux 5.8 */
#endif

static bool is_executable(const char *path)
{
    struct stat st;
    st.st_mode = 0;
    return system_stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
           system_call(SYS_faccessat2, AT_FDCWD, (long)path, X_OK, AT_EACCESS) == 0;
}

bool find_program(const char *file, const char *list, char *path, size_t room)
{
    size_t length = bytes_length(file, room), used = 0;
    if (bytes_until(file, '/', '/') < length)
        return bytes_append(path, room, &used, file, length) && is_executable(path);
    const char *at = list ? list : "/bin:/usr/bin";
    for (;;) {
        size_t size = bytes_until(at, ':', ':'); /* 0: the current folder */
        used = 0;
        if (!bytes_append(path, room, &used, at, size) ||
            !bytes_append(path, room, &used, "/", size ? 1 : 0) ||
            !bytes_append(path, room, &used, file, length))
            return false;
        if (is_executable(path))
            return true;
        if (!at[size])
            return false;
        at += size + 1;
    }
}
