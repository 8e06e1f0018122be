-- SPDX-License-Identifier: Apache-2.0
--- Which processes are meant: by their ids, by a name, or all.

local core = require "tiexec.core"
local text = require "tiexec.base.text"

local processes = {}

-- Iterates over the processes that there are, in order of their ids, but for this one.
local function each()
    local list, i = {}, 0
    for _, name in ipairs(core.list_folder("/proc") or {}) do
        local pid = math.tointeger(tonumber(name))
        if pid and pid ~= core.getpid() then list[#list + 1] = pid end
    end
    table.sort(list)
    return function()
        i = i + 1
        return list[i]
    end
end

-- Whether a process has a name: that of its executable, or that which the kernel has for it.
local function is_called(pid, name)
    local executable = core.readlink(("/proc/%d/exe"):format(pid))
    local comm = core.read_file(("/proc/%d/comm"):format(pid)) or ""
    return executable and text.basename(executable) == name or comm == name .. "\n"
end

--- Finds processes by a name.
-- @string name
-- @treturn table list of process ids
function processes.named(name)
    local list = {}
    for pid in each() do
        if is_called(pid, name) then list[#list + 1] = pid end
    end
    return list
end

--- Finds all processes that have a program. The kernel's own have none.
-- @treturn table list of process ids
function processes.all()
    local list = {}
    for pid in each() do
        if core.readlink(("/proc/%d/exe"):format(pid)) then list[#list + 1] = pid end
    end
    return list
end

return processes
