/* SPDX-License-Identifier: Apache-2.0 */
#include "base/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <nss.h>
#include <string.h>
#include <sys/auxv.h>

int library_bind(const char *name, const struct library_function functions[], size_t count)
{
    void *library = library_may_load() ? dlopen(name, RTLD_NOW | RTLD_LOCAL) : NULL;
    for (size_t i = 0; library && i < count; i++) {
        void *function = dlsym(library, functions[i].name);
        if (!function)
            return -ELIBACC;
        memcpy(functions[i].slot, &function, sizeof function);
    }
    return library ? 0 : -ELIBACC;
}

bool library_may_load(void) { return getauxval(AT_BASE) != 0; }

void library_limit_lookup(const char *database, const char *services)
{
    if (!library_may_load())
        __nss_configure_lookup(database, services);
}
