-- SPDX-License-Identifier: Apache-2.0
--- Why the kernel refused ptrace, in words that say what to do about it.

local codes = require "tiexec.base.codes"
local core = require "tiexec.core"
local status = require "tiexec.harness.status"

local c = core.constants
local refusal = {}

--- Tells whether this process has a capability in effect.
-- @int bit CAP_*
-- @treturn boolean
function refusal.has_capability(bit)
    local capabilities = core.status(core.getpid(), "CapEff", 16) or 0
    return capabilities >> bit & 1 == 1
end

-- Gives the name of a process, for messages. "?": there is no such process.
local function name_of(pid)
    return (core.read_file(("/proc/%d/comm"):format(pid)) or "?"):match("[^\n]*")
end

--- Says who traces a process already.
-- @int pid
-- @string[opt] text its `status.read`, if the caller has it
-- @treturn ?string nil: nobody does, or this process
function refusal.by_tracer(pid, text)
    local tracer = status.field(text or status.read(pid), "TracerPid") or 0
    if tracer == 0 or tracer == core.getpid() then return nil end
    return codes.words("traced", name_of(tracer), tracer)
end

--- Explains why a program could not be launched under trace.
-- @string why the message of the failure
-- @int errno of the failure
-- @treturn string
function refusal.to_launch(why, errno)
    local yama = core.host().yama
    if errno ~= c.EPERM then return why end
    if yama >= 2 and not refusal.has_capability(c.CAP_SYS_PTRACE) then
        return codes.words("ptrace-capability", yama)
    end
    return codes.words("ptrace-forbidden", why)
end

--- Explains why a running process could not be attached to.
-- @int pid
-- @string why the message of the failure
-- @int errno of the failure
-- @treturn string
function refusal.to_attach(pid, why, errno)
    local traced = refusal.by_tracer(pid)
    if traced then return traced end
    if errno == c.ETIMEDOUT then
        return "it does not stop (it waits for a child of vfork, or for a device)"
    end
    if errno ~= c.EPERM then return why end
    local yama = core.host().yama
    if yama > 0 then
        return ("ptrace is not allowed here: run as root (sysctl kernel.yama.ptrace_scope is %d)")
            :format(yama)
    end
    return why .. " (run as root, or as the user of the process)"
end

return refusal
