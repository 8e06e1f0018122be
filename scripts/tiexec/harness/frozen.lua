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

-- Tells whether the files of one group say that it is frozen, or is about to be.
local function is_frozen_by(folder)
    local events = core.read_file(folder .. "/cgroup.events") or ""
    local wanted = core.read_file(folder .. "/cgroup.freeze") or ""
    local state = core.read_file(folder .. "/freezer.state") or ""
    return events:find("frozen 1", 1, true) ~= nil or wanted:find("^1") ~= nil
        or state:find("^FROZEN") ~= nil or state:find("^FREEZING") ~= nil
end

-- Tells whether a group or one above it is frozen, up to the folder where its hierarchy is mounted.
local function is_any_frozen(mount, group)
    local folder = folder_of(mount, group)
    while folder and #folder >= #mount.point do
        if is_frozen_by(folder) then return true end
        folder = folder:match("^(.*)/[^/]*$")
    end
    return false
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

--- Says why a process cannot be stopped: it is frozen.
-- @int pid
-- @string[opt=""] root a folder that stands for /, for tests
-- @treturn ?string nil: it is not, as far as can be seen
function frozen.refusal(pid, root)
    root = root or ""
    local wait = core.read_file(("%s/proc/%d/wchan"):format(root, pid))
    if waits[wait or ""] then return "it is frozen" end
    local groups = "\n" .. (core.read_file(("%s/proc/%d/cgroup"):format(root, pid)) or "")
    for _, mount in ipairs(filesystem.mounts(root)) do
        local group = group_in(groups, mount)
        mount.point = root .. mount.point
        if group and is_any_frozen(mount, group) then
            return "it is frozen (by its control group)"
        end
    end
end

return frozen
