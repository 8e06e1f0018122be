-- SPDX-License-Identifier: Apache-2.0
--- Seccomp filters. A target's filters judge remote system calls as if they were the program's
-- own, and may kill the target for one. The tracer has inherited the filters of its caller,
-- which may kill the tracer in the same way.

local core = require "tiexec.core"

local c = core.constants
local seccomp = {}

local TRIAL_MS <const> = 2000

-- The tracer's system calls that a filter may kill it for. A target ends when its tracer does.
local tracer_calls = { "ptrace", "process_vm_readv", "process_vm_writev", "pread64", "pwrite64",
    "wait4", "waitid", "getdents64", "close_range", "setsid" }

-- Makes the system calls that a target is made to execute, with the arguments that filters look at.
-- MAP_HUGETLB is not among them: the executor tries out the sources themselves.
local function try_target_calls()
    local size <const>, RW, RX = 4096, c.PROT_READ | c.PROT_WRITE, c.PROT_READ | c.PROT_EXEC
    local base = core.syscall("mmap", 0, size, RW, c.MAP_PRIVATE | c.MAP_ANONYMOUS, -1, 0) or 0
    for _, advice in ipairs { c.MADV_HUGEPAGE, c.MADV_POPULATE_READ, c.MADV_COLLAPSE,
        c.MADV_DONTNEED } do
        core.syscall("madvise", base, size, advice)
    end
    core.syscall("mprotect", base, size, RX)
    core.syscall("mmap", 0, size, RX, c.MAP_PRIVATE, -1, 0)
    core.syscall("mremap", base, size, size, c.MREMAP_MAYMOVE | c.MREMAP_FIXED, base)
    core.syscall("munmap", base, size)
    core.syscall("prctl", c.PR_SET_MM, c.PR_SET_MM_MAP, 0, 0, 0)
    for _, name in ipairs { "openat", "close", "fsync", "fadvise64" } do
        core.syscall(name, -1, 0, 0, 0)
    end
end

--- Says why the filters of this process forbid to trace a target. The calls are tried in a forked
-- copy. Filters judge a call before the kernel looks at its arguments, which are such here that the
-- calls have no effect.
-- @treturn ?string nil: they allow it
function seccomp.forbids_tracing()
    if (core.status(core.getpid(), "Seccomp") or 0) == 0 then return nil end
    local ok, why = core.trial(function()
        for _, name in ipairs(tracer_calls) do core.syscall(name, -1, 0, 0, 0, 0, 0) end
        try_target_calls()
    end, TRIAL_MS)
    if not ok then
        return ("a seccomp filter does not allow the system calls needed (%s)"):format(why)
    end
end

--- Says why this process cannot try out what a target's filters allow: they are not its own
-- filters.
-- @int pid of the target
-- @treturn ?string nil: the filters are the same
function seccomp.is_unknown(pid)
    local theirs = core.status(pid, "Seccomp_filters")
    local ours = core.status(core.getpid(), "Seccomp_filters")
    return theirs ~= ours and "the program has installed a seccomp filter of its own" or nil
end

return seccomp
