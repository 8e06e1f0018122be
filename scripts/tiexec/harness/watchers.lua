-- SPDX-License-Identifier: Apache-2.0
--- The processes that watch families (see watch/init.lua), as others find and end them: a watch
-- would remap a process again whose text has been put back.

local core = require "tiexec.core"

local watchers = {}

local PREFIX <const> = "tiexec:"
local DEEPEST <const> = 64 -- generations

--- The name of a process that watches a family, as /proc/PID/comm has it: 15 characters at most.
-- @int first the id of the family's first process
function watchers.name(first) return PREFIX .. first end

-- The set of a process and those that it descends from.
local function line_of(pid)
    local line, depth = {}, 0
    while pid and pid > 1 and depth < DEEPEST do
        line[pid], depth = true, depth + 1
        pid = core.status(pid, "PPid")
    end
    return line
end

--- Ends the watches over a process, or over a family that it belongs to. A process that was
-- orphaned is not found in its family. To end a watch changes nothing in what it watches.
-- @int pid
-- @treturn int how many
function watchers.end_for(pid)
    local line, count = line_of(pid), 0
    for _, name in ipairs(core.list_folder("/proc") or {}) do
        local id = math.tointeger(tonumber(name))
        local comm = id and core.read_file(("/proc/%d/comm"):format(id)) or ""
        local first = math.tointeger(tonumber(comm:match("^" .. PREFIX .. "(%d+)\n")))
        if first and line[first] and core.syscall("kill", id, core.constants.SIGKILL) then
            count = count + 1
        end
    end
    return count
end

return watchers
