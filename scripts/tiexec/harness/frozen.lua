-- SPDX-License-Identifier: Apache-2.0
--- Frozen processes: those whose control group, or a group above it, has the freezer on. Such a
-- process takes a request to stop, and executes nothing before it is thawed.

local core = require "tiexec.core"
local filesystem = require "tiexec.harness.filesystem"

local frozen = {}

-- Where the kernel says that a thread is frozen: by cgroup v2, by v1.
local waits = { do_freezer_trap = true, __refrigerator = true }

-- Gives the folder of a group in a mounted hierarchy. nil: it is not below what is mounted there.
local function folder_of(mount, group)
    if filesystem.is_below(group, mount.within) then
        local rest = mount.within == "/" and group or group:sub(#mount.within + 1)
        return mount.point .. (rest == "/" and "" or rest)
    end
end

-- Reads a file of a group; "" if there is none. Which a group has not got is noted in `groups`: the
-- second look is made while the process stands still.
local function read(groups, path)
    if groups[path] then return "" end
    local text, _, errno = core.read_at_once(path)
    groups[path] = errno == core.constants.ENOENT or nil
    return text or ""
end

-- Tells whether the files of one group say that it is frozen, or is about to be.
local function is_frozen_by(groups, folder)
    local events = read(groups, folder .. "/cgroup.events")
    local wanted = read(groups, folder .. "/cgroup.freeze")
    local state = read(groups, folder .. "/freezer.state")
    return events:find("frozen 1", 1, true) ~= nil or wanted:find("^1") ~= nil
        or state:find("^FROZEN") ~= nil or state:find("^FREEZING") ~= nil
end

-- Gives the group of a process in the hierarchy of a mount, as /proc/PID/cgroup writes it. nil: the
-- hierarchy has no freezer.
local function group_in(groups, mount)
    if mount.type == "cgroup2" then return groups:match("\n0::([^\n]*)") end
    local has_freezer = ("," .. mount.options .. ","):find(",freezer,", 1, true) ~= nil
    if mount.type ~= "cgroup" or not has_freezer then return nil end
    for controllers, group in groups:gmatch("\n%d+:([^:\n]*):([^\n]*)") do
        if ("," .. controllers .. ","):find(",freezer,", 1, true) then return group end
    end
end

--- Lists the groups that can freeze a process: its own and those above, of both versions.
-- @int pid
-- @string[opt=""] root a folder that stands for /, for tests
-- @treturn table list of folders
function frozen.groups(pid, root)
    root = root or ""
    local groups = "\n" .. (core.read_file(("%s/proc/%d/cgroup"):format(root, pid)) or "")
    local list, seen = {}, {}
    for _, mount in ipairs(filesystem.mounts(root)) do
        local group = not seen[mount.type] and group_in(groups, mount)
        local folder = group and folder_of(mount, group)
        seen[mount.type] = seen[mount.type] or folder ~= nil and folder ~= false
        while folder and #folder >= #mount.point do
            list[#list + 1] = root .. folder
            folder = folder:match("^(.*)/[^/]*$")
        end
    end
    return list
end

--- Says why a process cannot be stopped: it is frozen.
-- @int pid
-- @tparam table groups what `frozen.groups` has given; to find them takes longer
-- @string[opt=""] root a folder that stands for /, for tests
-- @treturn ?string nil: it is not, as far as can be seen
function frozen.refusal(pid, groups, root)
    local wait = core.read_at_once(("%s/proc/%d/wchan"):format(root or "", pid))
    if waits[wait or ""] then return "it is frozen" end
    for _, folder in ipairs(groups) do
        if is_frozen_by(groups, folder) then return "it is frozen (by its control group)" end
    end
end

return frozen
