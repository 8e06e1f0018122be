/* SPDX-License-Identifier: Apache-2.0 */
#include "base/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

int library_bind(const char *name, const struct library_function functions[], size_t count)
{
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; library && i < count; i++) {
        void *function = dlsym(library, functions[i].name);
        if (!function)
            return -ELIBACC;
        memcpy(functions[i].slot, &function, sizeof function);
    }
    return library ? 0 : -ELIBACC;
}
