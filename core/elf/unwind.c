/* SPDX-License-Identifier: Apache-2.0 */
#include "elf/unwind.h"

#include "base/file.h"
#include "base/library.h"
#include "ptrace/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- libdw: what is used of <elfutils/libdwfl.h>, since libdw 0.158 ---- */

typedef struct Dwfl Dwfl;
typedef struct Dwfl_Module Dwfl_Module;
typedef struct Dwfl_Thread Dwfl_Thread;
typedef struct Dwfl_Frame Dwfl_Frame;

typedef int find_elf_function(Dwfl_Module *module, void **context, const char *name, uint64_t base,
                              char **file_name, void **elf);
typedef int find_debug_function(Dwfl_Module *module, void **context, const char *name,
                                uint64_t base, const char *file_name, const char *link,
                                uint32_t crc, char **debug_name);

struct callbacks {
    find_elf_function *find_elf;
    find_debug_function *find_debug;
    void *section_address; /* for relocatable files only */
    char **debug_path;
};

struct thread_callbacks {
    pid_t (*next_thread)(Dwfl *, void *argument, void **thread_argument);
    bool (*get_thread)(Dwfl *, pid_t tid, void *argument, void **thread_argument);
    bool (*read_memory)(Dwfl *, uint64_t address, uint64_t *word, void *argument);
    bool (*set_registers)(Dwfl_Thread *, void *thread_argument);
    void (*detach)(Dwfl *, void *argument);
    void (*thread_detach)(Dwfl_Thread *, void *thread_argument);
};

static struct {
    Dwfl *(*begin)(const struct callbacks *);
    void (*end)(Dwfl *);
    Dwfl_Module *(*report_elf)(Dwfl *, const char *name, const char *file_name, int fd,
                               uint64_t base, bool add_p_vaddr);
    int (*report_end)(Dwfl *, void *removed, void *argument);
    const char *(*module_info)(Dwfl_Module *, void ***context, uint64_t *start, uint64_t *end,
                               uint64_t *debug_bias, uint64_t *symbol_bias, const char **main_file,
                               const char **debug_file);
    bool (*attach_state)(Dwfl *, void *elf, pid_t pid, const struct thread_callbacks *,
                         void *argument);
    bool (*set_registers)(Dwfl_Thread *, int first, unsigned count, const uint64_t *values);
    void (*set_pc)(Dwfl_Thread *, uint64_t pc);
    int (*frames)(Dwfl *, pid_t tid, int (*take)(Dwfl_Frame *, void *argument), void *argument);
    bool (*frame_pc)(Dwfl_Frame *, uint64_t *pc, bool *is_activation);
} dw;

static int bind_library(void)
{
    static const struct library_function functions[] = {
        {"dwfl_begin", &dw.begin},
        {"dwfl_end", &dw.end},
        {"dwfl_report_elf", &dw.report_elf},
        {"dwfl_report_end", &dw.report_end},
        {"dwfl_module_info", &dw.module_info},
        {"dwfl_attach_state", &dw.attach_state},
        {"dwfl_thread_state_registers", &dw.set_registers},
        {"dwfl_thread_state_register_pc", &dw.set_pc},
        {"dwfl_getthread_frames", &dw.frames},
        {"dwfl_frame_pc", &dw.frame_pc},
    };
    return library_bind("libdw.so.1", functions, sizeof functions / sizeof functions[0]);
}

/* ---- what libdw asks for ---- */

struct unwinder {
    Dwfl *session;
    pid_t pid;
    bool attached;
    char **debug_names; /* paths that modules have in their context */
    size_t debug_count;
    struct inferior *inferior; /* of the call of unwinder_frames that is being made */
    const struct tracee *thread;
};

static int find_elf(Dwfl_Module *module, void **context, const char *name, uint64_t base,
                    char **file_name, void **elf)
{
    (void)module, (void)context, (void)name, (void)base, (void)file_name, (void)elf;
    return -1; /* each module was reported with its file */
}

static int find_debug(Dwfl_Module *module, void **context, const char *name, uint64_t base,
                      const char *file_name, const char *link, uint32_t crc, char **debug_name)
{
    (void)module, (void)name, (void)base, (void)file_name, (void)link, (void)crc;
    if (!*context)
        return -1;
    *debug_name = strdup(*context);
    return file_open(*context);
}

static pid_t next_thread(Dwfl *session, void *argument, void **thread_argument)
{
    struct unwinder *unwinder = argument;
    (void)session;
    if (*thread_argument)
        return 0; /* there is no other */
    *thread_argument = unwinder;
    return unwinder->thread->tid;
}

static bool get_thread(Dwfl *session, pid_t tid, void *argument, void **thread_argument)
{
    (void)session, (void)tid;
    *thread_argument = argument;
    return true;
}

static bool read_word(Dwfl *session, uint64_t address, uint64_t *word, void *argument)
{
    const struct unwinder *unwinder = argument;
    (void)session;
    return memory_read(unwinder->inferior, address, word, sizeof *word) == 0;
}

static bool set_registers(Dwfl_Thread *thread, void *argument)
{
    const struct unwinder *unwinder = argument;
    struct arch_regs regs;
    uint64_t values[ARCH_DWARF_REGISTERS];
    if (arch_regs_get(unwinder->thread->tid, &regs))
        return false;
    arch_dwarf_registers(&regs, values);
    if (!dw.set_registers(thread, 0, ARCH_DWARF_REGISTERS, values))
        return false;
    dw.set_pc(thread, arch_pc(&regs));
    return true;
}

static const struct callbacks callbacks = {find_elf, find_debug, NULL, NULL};
static const struct thread_callbacks thread_callbacks = {
    next_thread, get_thread, read_word, set_registers, NULL, NULL,
};

/* ---- the functions of the header ---- */

int unwinder_open(pid_t pid, struct unwinder **unwinder)
{
    int err = bind_library();
    if (err)
        return err;
    struct unwinder *new = calloc(1, sizeof *new);
    if (!new)
        return -ENOMEM;
    new->pid = pid;
    new->session = dw.begin(&callbacks);
    if (!new->session) {
        free(new);
        return -ENOMEM;
    }
    *unwinder = new;
    return 0;
}

/* Keeps the path of a module's debug file, for find_debug. */
static int note_debug(struct unwinder *unwinder, Dwfl_Module *module, const char *path)
{
    void **context = NULL;
    char **names = reallocarray(unwinder->debug_names, unwinder->debug_count + 1, sizeof *names);
    if (!names)
        return -ENOMEM;
    unwinder->debug_names = names;
    names[unwinder->debug_count] = strdup(path);
    if (!names[unwinder->debug_count])
        return -ENOMEM;
    dw.module_info(module, &context, NULL, NULL, NULL, NULL, NULL, NULL);
    if (context)
        *context = names[unwinder->debug_count];
    unwinder->debug_count++;
    return 0;
}

int unwinder_add(struct unwinder *unwinder, const struct unwind_object *object)
{
    Dwfl_Module *module = dw.report_elf(unwinder->session, object->name, object->name, object->fd,
                                        object->bias, true);
    if (!module) {
        close(object->fd); /* libdw has taken it only if it has succeeded */
        return -ENOEXEC;
    }
    return object->debug ? note_debug(unwinder, module, object->debug) : 0;
}

static int take_frame(Dwfl_Frame *frame, void *argument)
{
    struct unwind_frames *frames = argument;
    struct unwind_frame *new = &frames->list[frames->count];
    if (!dw.frame_pc(frame, &new->pc, &new->is_activation))
        return -1;
    frames->count++;
    return frames->count == frames->room;
}

int unwinder_frames(struct unwinder *unwinder, struct inferior *inferior,
                    const struct tracee *thread, struct unwind_frames *frames)
{
    frames->count = 0;
    unwinder->inferior = inferior;
    unwinder->thread = thread;
    if (!frames->room)
        return 0;
    if (!unwinder->attached) {
        dw.report_end(unwinder->session, NULL, NULL);
        unwinder->attached = dw.attach_state(unwinder->session, NULL, unwinder->pid,
                                             &thread_callbacks, unwinder);
    }
    if (!unwinder->attached)
        return -ENODATA;
    return dw.frames(unwinder->session, thread->tid, take_frame, frames) < 0 ? -ENODATA : 0;
}

void unwinder_free(struct unwinder *unwinder)
{
    if (!unwinder)
        return;
    dw.end(unwinder->session);
    for (size_t i = 0; i < unwinder->debug_count; i++)
        free(unwinder->debug_names[i]);
    free(unwinder->debug_names);
    free(unwinder);
}
