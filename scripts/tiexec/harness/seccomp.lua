-- SPDX-License-Identifier: Apache-2.0
--- Seccomp filters judge remote system calls as if they were the program's own, and may kill it for one; the tracer,
-- which has inherited those of its caller, likewise.

local core = require "tiexec.core"

local c = core.constants
local seccomp = {}

local TRIAL_MS <const> = 2000

-- What the tracer does of which a seccomp filter may make its end; the target would then end with it.
local tracer_calls = { "ptrace", "process_vm_readv", "process_vm_writev", "pread64", "pwrite64", "wait4", "waitid",
    "getdents64", "close_range", "setsid" }

-- What the target is made to do, with the arguments that filters look at. MAP_HUGETLB is left to the executor.
local function try_target_calls()
    local size <const>, RW, RX = 4096, c.PROT_READ | c.PROT_WRITE, c.PROT_READ | c.PROT_EXEC
    local base = core.syscall("mmap", 0, size, RW, c.MAP_PRIVATE | c.MAP_ANONYMOUS, -1, 0) or 0
    for _, advice in ipairs { c.MADV_HUGEPAGE, c.MADV_POPULATE_READ, c.MADV_COLLAPSE, c.MADV_DONTNEED } do
        core.syscall("madvise", base, size, advice)
    end
    core.syscall("mprotect", base, size, RX)
    core.syscall("mmap", 0, size, RX, c.MAP_PRIVATE, -1, 0)
    core.syscall("mremap", base, size, size, c.MREMAP_MAYMOVE | c.MREMAP_FIXED, base)
    core.syscall("munmap", base, size)
    core.syscall("prctl", c.PR_SET_MM, c.PR_SET_MM_MAP, 0, 0, 0)
    for _, name in ipairs { "openat", "close", "fsync", "fadvise64" } do core.syscall(name, -1, 0, 0, 0) end
end

--- Why what is done in and to a target would not be allowed, or nil. A filter judges a call before the kernel looks
-- at its arguments: here they are such that nothing is done.
function seccomp.forbids_tracing()
    if (core.status(core.getpid(), "Seccomp") or 0) == 0 then return nil end
    local ok, why = core.trial(function()
        for _, name in ipairs(tracer_calls) do core.syscall(name, -1, 0, 0, 0, 0, 0) end
        try_target_calls()
    end, TRIAL_MS)
    if not ok then return ("a seccomp filter does not allow the system calls needed (%s)"):format(why) end
end

--- Why this process cannot know what a target's filters allow, or nil: they are not the same as its own.
-- @int pid
function seccomp.is_unknown(pid)
    local theirs, ours = core.status(pid, "Seccomp_filters"), core.status(core.getpid(), "Seccomp_filters")
    return theirs ~= ours and "the program has installed a seccomp filter of its own" or nil
end

return seccomp
