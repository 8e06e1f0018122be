/* SPDX-License-Identifier: Apache-2.0
 * What /proc tells of one process, beside its mappings. */
#ifndef TIEXEC_PROCESS_H
#define TIEXEC_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct auxv_entry {
    uint64_t type, value;
};

/* The first thread of a process may have ended while others live on: /proc/PID then has no maps, no
 * mem, no auxv and no exe, but /proc/TID of a thread that lives has them all. Gives the id of such
 * a thread; or `pid` itself, where that lives, or nobody does. */
pid_t process_living(pid_t pid);

/* Tells whether a thread is one of the kernel's within a process (io_uring's), which runs none of
 * the program's code. */
bool process_is_kernel_thread(pid_t tid);

/* Gives the state of a thread, as /proc/TID/stat has it: 'R', 'S', 'D', 'T', 't', 'Z'; 'X': it is
 * gone. */
char process_state(pid_t tid);

/* Opens the entry `name` of /proc/PID, close-on-exec, with the given flags of open(2). If that is
 * about memory it is a living thread's. Returns a file descriptor or -errno. */
int process_open(pid_t pid, const char *name, int flags);

/* Reads all of an entry, as file_read; of a living thread as process_open does. */
int process_read(pid_t pid, const char *name, char **data, size_t *size);

/* Reads the auxiliary vector of a 64-bit process, without AT_NULL at its end. *list is malloc'd by
 * this call and freed by the caller. Returns 0 or -errno. */
int process_auxv(pid_t pid, struct auxv_entry **list, size_t *count);

/* Reads the value of one AT_ entry. Returns 0 or -errno; -ENOENT: the process has no such entry. */
int process_auxv_value(pid_t pid, uint64_t type, uint64_t *value);

/* Reads one field of /proc/PID/status ("TracerPid", "SigIgn"), as a number in `base`, 10 or 16.
 * Returns 0 or -errno; -ENOENT: this kernel has no such field. */
int process_status(pid_t pid, const char *field, int base, uint64_t *value);

/* Who a process is: its effective user and group, to whom the files that it makes belong, and its
 * id in its own (innermost) pid namespace. */
struct process_identity {
    uid_t uid;
    gid_t gid;
    pid_t inner_pid;
};

/* Returns 0 or -errno. */
int process_identity(pid_t pid, struct process_identity *identity);

/* The addresses of the parts of a program's memory, as the kernel has them (mm_struct) and as
 * PR_SET_MM_MAP takes them. */
struct process_layout {
    uint64_t start_code, end_code, start_data, end_data, start_brk, start_stack;
    uint64_t arg_start, arg_end, env_start, env_end;
};

/* Reads the layout from /proc/PID/stat. The kernel tells the addresses to those who may trace the
 * process; others read 0. Returns 0 or -errno. */
int process_layout(pid_t pid, struct process_layout *layout);

/* Lists the threads in /proc/PID/task. *tids is malloc'd by this call and freed by the caller.
 * Returns 0 or -errno. */
int process_threads(pid_t pid, pid_t **tids, size_t *count);

/* Lists the child processes of a thread, in the same way. -ENOENT: there is no such thread, or this
 * kernel does not tell (CONFIG_PROC_CHILDREN). */
int process_children(pid_t tid, pid_t **pids, size_t *count);

/* Lists the processes that `tracer` traces, in the same way. It looks at every process. */
int process_traced_by(pid_t tracer, pid_t **pids, size_t *count);

#endif
