/* SPDX-License-Identifier: Apache-2.0
 * A preloaded library that counts the calls tiexec's tracer makes of libc, and at the one whose number is
 * in KILLER_AT kills the tracer, or makes the call fail with the error whose number is in KILLER_ERROR. With
 * ESRCH the target is killed first, so that the error is true. The call's name is then in the file KILLER_LOG. With
 * KILLER_CACHE only those calls count by which a copy is made for the source `shared`, without it only
 * the others. A process is taken for the tracer from its first call of signal on; everything else, the program
 * that is started too, is left alone. With KILLER_PID, which is the target then, tiexec itself is the tracer. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_tracer, cache_only;
static pid_t target; /* which tiexec itself becomes */
static long at, calls, error;
static char log_name[4096];

__attribute__((constructor)) static void start(void)
{
    char exe[4096] = "";
    const char *number = getenv("KILLER_AT"), *fail = getenv("KILLER_ERROR"), *file = getenv("KILLER_LOG");
    ssize_t length = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (length >= 7 && strcmp(exe + length - 7, "/tiexec") == 0) {
        at = number ? atol(number) : 0;
        error = fail ? atol(fail) : 0;
        strncpy(log_name, file ? file : "", sizeof log_name - 1);
        cache_only = getenv("KILLER_CACHE") != NULL;
        const char *attached = getenv("KILLER_PID");
        is_tracer = attached != NULL;
        target = attached ? (pid_t)atol(attached) : getpid();
        unsetenv("LD_PRELOAD");
    }
}

/* Whether this call shall fail. */
static bool strikes_at(bool counts, const char *name)
{
    if (!is_tracer || !counts || ++calls != at)
        return false;
    long fd = syscall(SYS_openat, AT_FDCWD, log_name, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (fd >= 0 && syscall(SYS_write, fd, name, strlen(name)) >= 0)
        syscall(SYS_close, fd);
    if (!error)
        syscall(SYS_kill, getpid(), SIGKILL);
    if (error == ESRCH)
        syscall(SYS_kill, target, SIGKILL);
    errno = (int)error;
    return true;
}

static bool strikes(const char *name) { return strikes_at(!cache_only, name); }
static bool strikes_cache(const char *name) { return strikes_at(cache_only, name); }

/* dlsym gives data pointers; ISO C does not let them become function pointers by a cast. */
#define REAL(name)                                                                                     \
    static __typeof__(&name) real;                                                                     \
    if (!real) {                                                                                       \
        void *symbol = dlsym(RTLD_NEXT, #name);                                                        \
        memcpy(&real, &symbol, sizeof real);                                                           \
    }

#define WRAP_IF(strikes, type, failure, name, parameters, arguments)                                   \
    __attribute__((visibility("default"))) type name parameters                                        \
    {                                                                                                  \
        REAL(name)                                                                                     \
        return strikes(#name) ? (type)(failure) : real arguments;                                      \
    }

#define WRAP(type, failure, name, parameters, arguments) \
    WRAP_IF(strikes, type, failure, name, parameters, arguments)
#define WRAP_CACHE(name, parameters, arguments) WRAP_IF(strikes_cache, int, -1, name, parameters, arguments)

typedef struct iovec iovec;

WRAP(pid_t, -1, waitpid, (pid_t pid, int *status, int options), (pid, status, options))
WRAP(int, -1, waitid, (idtype_t type, id_t id, siginfo_t *info, int options), (type, id, info, options))
WRAP(ssize_t, -1, process_vm_readv,
     (pid_t pid, const iovec *l, unsigned long nl, const iovec *r, unsigned long nr, unsigned long flags),
     (pid, l, nl, r, nr, flags))
WRAP(ssize_t, -1, process_vm_writev,
     (pid_t pid, const iovec *l, unsigned long nl, const iovec *r, unsigned long nr, unsigned long flags),
     (pid, l, nl, r, nr, flags))
WRAP(ssize_t, -1, pread, (int fd, void *buffer, size_t size, off_t offset), (fd, buffer, size, offset))
WRAP(ssize_t, -1, pwrite, (int fd, const void *buffer, size_t size, off_t offset), (fd, buffer, size, offset))
WRAP(ssize_t, -1, read, (int fd, void *buffer, size_t size), (fd, buffer, size))
WRAP(ssize_t, -1, recv, (int fd, void *buffer, size_t size, int flags), (fd, buffer, size, flags))
WRAP(ssize_t, -1, send, (int fd, const void *buffer, size_t size, int flags), (fd, buffer, size, flags))
WRAP(ssize_t, -1, readlink, (const char *path, char *buffer, size_t size), (path, buffer, size))
WRAP(int, -1, poll, (struct pollfd *fds, nfds_t count, int timeout), (fds, count, timeout))
WRAP(int, -1, close, (int fd), (fd))
WRAP(pid_t, -1, setsid, (void), ())
WRAP(FILE *, NULL, fopen, (const char *path, const char *mode), (path, mode))

WRAP_CACHE(mkdir, (const char *path, mode_t mode), (path, mode))
WRAP_CACHE(flock, (int fd, int operation), (fd, operation))
WRAP_CACHE(ftruncate, (int fd, off_t size), (fd, size))
WRAP_CACHE(fallocate, (int fd, int mode, off_t offset, off_t size), (fd, mode, offset, size))
WRAP_CACHE(madvise, (void *address, size_t size, int advice), (address, size, advice))
WRAP_CACHE(fchmod, (int fd, mode_t mode), (fd, mode))
WRAP_CACHE(renameat, (int from, const char *old, int to, const char *new), (from, old, to, new))
WRAP_CACHE(munmap, (void *address, size_t size), (address, size))
WRAP_IF(strikes_cache, void *, MAP_FAILED, mmap,
        (void *address, size_t size, int protection, int flags, int fd, off_t offset),
        (address, size, protection, flags, fd, offset))

__attribute__((visibility("default"))) int openat(int folder, const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    int mode = flags & O_CREAT ? va_arg(list, int) : 0;
    va_end(list);
    return strikes_cache("openat") ? -1 : (int)syscall(SYS_openat, folder, path, flags, mode);
}

__attribute__((visibility("default"))) sighandler_t signal(int number, sighandler_t handler)
{
    REAL(signal)
    is_tracer = is_tracer || (at > 0 && getpid() != target);
    return real(number, handler);
}

__attribute__((visibility("default"))) int open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    int mode = flags & O_CREAT ? va_arg(list, int) : 0;
    va_end(list);
    return strikes("open") ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

__attribute__((visibility("default"))) long ptrace(enum __ptrace_request request, ...)
{
    va_list list;
    va_start(list, request);
    pid_t pid = va_arg(list, pid_t);
    void *address = va_arg(list, void *), *data = va_arg(list, void *);
    va_end(list);
    return strikes("ptrace") ? -1 : syscall(SYS_ptrace, request, pid, address, data);
}
