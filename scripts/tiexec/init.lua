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
    version = require "tiexec.base.version",
    constants = core.constants,
    errno_name = core.errno_name,
    signal_name = core.signal_name,
    syscall_name = core.syscall_name,
    syscall_number = core.syscall_number,
    buffer = buffers.new,
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
