-- SPDX-License-Identifier: Apache-2.0
--- Why the service leaves a process alone that a profile names. What is not known counts as a
-- reason.

local core = require "tiexec.core"
local status = require "tiexec.harness.status"

local gate = {}

local SETID <const> = 0xc00 -- S_ISUID | S_ISGID

-- Whether its rights are others than its caller's.
local function has_other_rights(pid)
    local stat, auxv = core.stat(("/proc/%d/exe"):format(pid)), core.auxv(pid)
    if not stat or not auxv then return nil end
    return stat.mode & SETID ~= 0 or (auxv.AT_SECURE or 0) ~= 0
end

--- Says why a process must not be attached to.
-- @int pid
-- @param service the setting of its profile: "sandboxed" allows seccomp filters, which are then
-- judged one by one (see harness/seccomp.lua)
-- @treturn ?string one word: "itself", "gone", "traced", "seccomp", "set-id"; nil: it may be
function gate.reason(pid, service)
    if pid == 1 or pid == core.getpid() then return "itself" end
    local text = status.read(pid)
    if not text then return "gone" end
    if status.field(text, "TracerPid") ~= 0 then return "traced" end
    if status.field(text, "Seccomp") ~= 0 and service ~= "sandboxed" then return "seccomp" end
    local has_other = has_other_rights(pid)
    if has_other ~= false then return has_other and "set-id" or "gone" end
end

return gate
