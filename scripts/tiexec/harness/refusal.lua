-- SPDX-License-Identifier: Apache-2.0
--- Why ptrace was refused, as far as the host tells: in words that say what to do.

local core = require "tiexec.core"

local c = core.constants
local refusal = {}

--- Whether this process has a capability in effect.
-- @int bit its number, CAP_*
function refusal.has_capability(bit)
    local capabilities = core.status(core.getpid(), "CapEff", 16) or 0
    return capabilities >> bit & 1 == 1
end

--- The name of a process, for messages; "?": there is no such process.
function refusal.name_of(pid)
    return (core.read_file(("/proc/%d/comm"):format(pid)) or "?"):match("[^\n]*")
end

--- Who traces a process already, in words.
-- @int pid
-- @treturn ?string nil: nobody does
function refusal.by_tracer(pid)
    local tracer = core.status(pid, "TracerPid") or 0
    if tracer == 0 then return nil end
    return ("it is being traced already, by %s (process %d)"):format(refusal.name_of(tracer), tracer)
end

--- What a refusal to launch a program under trace means.
-- @string why what the kernel said
-- @int errno
function refusal.to_launch(why, errno)
    local yama = core.host().yama
    if errno ~= c.EPERM then return why end
    if yama >= 2 and not refusal.has_capability(c.CAP_SYS_PTRACE) then
        return ("ptrace needs CAP_SYS_PTRACE here (sysctl kernel.yama.ptrace_scope=1 lifts that; it is %d)")
            :format(yama)
    end
    return why .. " (a container or security module forbids ptrace?)"
end

--- What a failure to attach to a running process means.
-- @int pid
-- @string why what the kernel said
-- @int errno
function refusal.to_attach(pid, why, errno)
    local traced = refusal.by_tracer(pid)
    if traced then return traced end
    if errno == c.ETIMEDOUT then return "it does not stop (it waits for a child of vfork, or for a device)" end
    if errno ~= c.EPERM then return why end
    local yama = core.host().yama
    if yama > 0 then
        return ("ptrace is not allowed here: run as root (sysctl kernel.yama.ptrace_scope is %d)"):format(yama)
    end
    return why .. " (run as root, or as the user of the process)"
end

return refusal
