-- SPDX-License-Identifier: Apache-2.0
--- Who belongs to whom, as /proc tells it.

local core = require "tiexec.core"

local kin = {}

local DEEPEST <const> = 64 -- generations of descendants

--- Lists the threads of a process.
-- @int pid
-- @treturn table list of thread ids
function kin.threads_of(pid)
    local list = {}
    for _, name in ipairs(core.list_folder(("/proc/%d/task"):format(pid)) or {}) do
        list[#list + 1] = math.tointeger(tonumber(name))
    end
    return list
end

local function children_of(pid)
    local list = {}
    for _, tid in ipairs(kin.threads_of(pid)) do
        local names = core.read_file(("/proc/%d/task/%d/children"):format(pid, tid)) or ""
        for name in names:gmatch("%d+") do list[#list + 1] = math.tointeger(tonumber(name)) end
    end
    return list
end

--- Calls a function with a process and all that descend from it.
-- @int pid
-- @func work
-- @int[opt=1] depth of the process
function kin.each_descendant(pid, work, depth)
    depth = depth or 1
    work(pid)
    if depth >= DEEPEST then return end
    for _, child in ipairs(children_of(pid)) do kin.each_descendant(child, work, depth + 1) end
end

--- Tells when a process has begun, which tells it from a later one of the same id.
-- @int pid
-- @treturn ?string nil: there is no such process
function kin.birth_of(pid)
    local stat = core.read_file(("/proc/%d/stat"):format(pid)) or ""
    local rest = stat:match("%) (.*)$") or ""
    return rest:match("^" .. ("%S+ "):rep(19) .. "(%d+)")
end

--- Tells whether a process has ended. If its first thread has, others may live.
-- @int pid
-- @treturn boolean
function kin.has_ended(pid)
    local stat = core.read_file(("/proc/%d/stat"):format(pid)) or ""
    local state = stat:match("%) (%a)")
    return not state or (state == "Z" or state == "X") and #kin.threads_of(pid) <= 1
end

return kin
