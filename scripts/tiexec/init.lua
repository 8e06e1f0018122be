-- SPDX-License-Identifier: Apache-2.0
--- The harness: ptrace, registers, memory and remote system calls, with GDB's names. This module is
-- what scripts get; docs/API.md documents its functions.
--
-- `require "tiexec"` works in the program and under lua5.4 alike. A function returns
-- `nil, message, errno` where the kernel or the inferior refuses, and raises an error on misuse.
-- @module tiexec

local buffers = require "tiexec.harness.buffers"
local core = require "tiexec.core"
local debug_files = require "tiexec.harness.debug_files"
local inferiors = require "tiexec.harness.inferiors"

-- A script that ends lets go of what it holds: see `core.guard_end`.
local function guarded(start)
    return function(...)
        core.guard_end()
        return start(...)
    end
end

-- Methods of inferiors that need more than the harness.
core.extend_inferior {
    serve = function(inferior, where, options)
        return require "tiexec.gdb.serve".serve(inferior, where, options)
    end,
}

return {
    --- The version of tiexec, a string.
    -- @field tiexec.version
    -- @usage
    -- print(tiexec.version) --> 0.1.0
    version = require "tiexec.base.version",
    --- Numbers by the names that C has for them; nil: there is none of that name. All of `E…`,
    -- `SIG…`, `O_…`, `F_…`, `AT_…`, `S_I…`, `PROT_…`, `MAP_…`, `MADV_…`, `RLIMIT_…`, `PR_…`,
    -- `CLONE_…`, `AF_…`, `SOCK_…`, `SCHED_…`, `SI_…` and their like of the C library's headers; of
    -- <elf.h> `PT_LOAD`, `PT_DYNAMIC`, `PT_INTERP`, `PT_GNU_RELRO`, `PF_…`, `ET_EXEC`, `ET_DYN`,
    -- `ELFCLASS32`, `ELFCLASS64`.
    -- @field tiexec.constants
    -- @usage
    -- local c = tiexec.constants
    -- print(c.ENOENT, c.SIGUSR1, c.PROT_READ | c.PROT_EXEC, c.RLIMIT_NOFILE) --> 2 10 5 7
    constants = core.constants,
    errno_name = core.errno_name,
    signal_name = core.signal_name,
    syscall_name = core.syscall_name,
    syscall_number = core.syscall_number,
    buffer = buffers.new,
    --- The folders in which debug files are looked for by build-id: a list, to be changed.
    -- @field tiexec.debug_folders
    -- @usage
    -- table.insert(tiexec.debug_folders, 1, "/srv/debug")
    -- print(table.concat(tiexec.debug_folders, ":")) --> /srv/debug:/usr/lib/debug
    debug_folders = debug_files.folders,
    launch = guarded(inferiors.launch),
    attach = guarded(inferiors.attach),
    connect = function(...) return require "tiexec.gdb.client".connect(...) end,
    wait_any = inferiors.wait_any,
    remap = function(...) return require "tiexec.script.remap".remap(...) end,
    prompt = function(...)
        core.guard_end()
        return require "tiexec.script.prompt".run(...)
    end,
    undo = function(...) return require "tiexec.script.remap".undo(...) end,
    host = core.host,
    image = core.image,
    mappings = core.mappings,
    auxv = core.auxv,
    status = core.status,
    find = core.find,
    now = core.now,
}
