-- SPDX-License-Identifier: Apache-2.0
--- Processes that share the memory of another without being its threads (CLONE_VM without
-- CLONE_THREAD). They run while its threads are stopped.

local core = require "tiexec.core"

local sharers = {}

local KCMP_VM <const> = 1

-- Tells whether two processes have the same memory. Where the kernel cannot compare them, those
-- count as sharers whose parts of memory have the same addresses.
local function has_same_memory(pid, other, layout)
    local there = core.layout(other)
    if not there or there.start_stack ~= layout.start_stack
        or there.start_code ~= layout.start_code then
        return false
    end
    local order = core.syscall("kcmp", pid, other, KCMP_VM, 0, 0)
    return order == nil or order == 0
end

--- Finds a process that shares the memory of another.
-- @int pid
-- @treturn ?int its process id; nil: none is seen
function sharers.find(pid)
    local layout = core.layout(pid)
    if not layout then return nil end
    for _, name in ipairs(core.list_folder("/proc") or {}) do
        local other = math.tointeger(tonumber(name))
        if other and other ~= pid and has_same_memory(pid, other, layout) then return other end
    end
end

return sharers
