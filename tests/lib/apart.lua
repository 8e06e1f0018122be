-- SPDX-License-Identifier: Apache-2.0
-- For the specs of processes in namespaces of their own: starts them, and finds them from outside.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local apart = {}

local T <const> = core.realpath(support.tiexec)

--- Starts shell lines, in namespaces of their own for mounts and, if `words` say so, for more. `$1` is a folder for
-- them to mount things on, `$2` has the programs, `$3` is tiexec, `$4` what `more` is.
-- @treturn table to be closed: `process`, `pid`, `folder`; `said(line)` waits for a line of theirs
function apart.start(lines, words, more)
    local folder = support.folder()
    local inside = folder.path .. "/apart"
    os.execute("mkdir " .. inside)
    local command = support.concat({ "unshare", "-m", "--propagation", "private" }, words, { "sh", "-ec", lines,
        "sh", inside, core.realpath(support.programs), T, more or "" })
    local process = support.start(command, (">%s/out 2>&1 </dev/null"):format(folder.path))
    local function said(line)
        return support.wait_for(function()
            return (support.read_file(folder.path .. "/out") or ""):find(line .. "\n", 1, true)
                or not process:is_alive()
        end) and process:is_alive()
    end
    return setmetatable({ process = process, pid = process.pid, folder = folder.path, said = said }, {
        __close = function()
            getmetatable(process).__close(process)
            getmetatable(folder).__close(folder)
        end })
end

--- The id of the process that runs a program, among a process and its descendants.
function apart.find(pid, name)
    return support.wait_for(function()
        local list = { pid }
        for _, id in ipairs(list) do
            local children = support.read_file(("/proc/%d/task/%d/children"):format(id, id)) or ""
            for child in children:gmatch("%d+") do list[#list + 1] = math.tointeger(child) end
            local exe = core.readlink(("/proc/%d/exe"):format(id)) or ""
            if exe:match("[^/]*$") == name and core.status(id, "TracerPid") == 0 then return id end
        end
    end, 10)
end

return apart
