-- SPDX-License-Identifier: Apache-2.0
--- Control groups: the folders of the groups that a process is in, in both versions. They are read
-- from /proc and /sys below a folder `root`, which is "" for this host, and another folder in
-- tests.

local core = require "tiexec.core"
local filesystem = require "tiexec.harness.filesystem"

local cgroups = {}

-- Where there is no limit, version 2 of control groups says "max", and version 1 a larger number.
local UNLIMITED <const> = 1 << 60

local function read_integer(path)
    local word = (core.read_file(path) or ""):match("%S+")
    return math.tointeger(tonumber(word or ""))
end

local function read_limit(path)
    local value = read_integer(path)
    return value and value < UNLIMITED and value or nil
end

local function has_word(list, word)
    return word and ("," .. list .. ","):find("," .. word .. ",", 1, true) ~= nil
end

-- Gives the mount of a hierarchy of control groups, and the group there that a process is in. A
-- hierarchy of version 1 is known by its controller, and nil stands for that of version 2.
local function hierarchy(root, mounts, controller, process)
    local groups = core.read_file(("%s/proc/%s/cgroup"):format(root, process)) or ""
    for line in groups:gmatch("[^\n]+") do
        local names, group = line:match("^%d+:([^:]*):(.*)$")
        local is_it = names and has_word(names, controller) or not controller and names == ""
        for _, mount in ipairs(is_it and mounts or {}) do
            local kind = controller and "cgroup" or "cgroup2"
            local has = not controller or has_word(mount.options, controller)
            if mount.type == kind and has then return mount, group end
        end
    end
end

-- Adds the folders of a group and of those above it to a list.
local function add_folders(list, mount, group)
    if filesystem.is_below(group, mount.within) and mount.within ~= "/" then
        group = group:sub(#mount.within + 1)
    end
    while true do
        list[#list + 1] = mount.point .. group:gsub("/$", "")
        if group == "" or group == "/" then return end
        group = group:match("^(.*)/[^/]*$") or ""
    end
end

--- Lists the folders of the groups that a process is in, and of those above them.
-- @string root
-- @string controller "memory", "hugetlb"…
-- @param[opt="self"] process its id
-- @treturn table list of paths, without the root
function cgroups.folders(root, controller, process)
    local list, mounts = {}, filesystem.mounts(root)
    for _, version in ipairs { controller, false } do
        local mount, group = hierarchy(root, mounts, version or nil, process or "self")
        if mount then add_folders(list, mount, group) end
    end
    return list
end

--- Finds the smallest value of a limit in some groups.
-- @string root
-- @tparam table folders what `cgroups.folders` gave
-- @tparam table names of the limit's file, which has one of them
-- @treturn ?Limit nil: there is no limit
function cgroups.strictest(root, folders, names)
    local least
    for _, folder in ipairs(folders) do
        for _, name in ipairs(names) do
            local path = folder .. "/" .. name
            local value = read_limit(root .. path)
            if value and (not least or value < least.bytes) then
                least = { bytes = value, file = path }
            end
        end
    end
    return least
end

local LIMITS <const> = { "memory.max", "memory.limit_in_bytes" }
local USAGES <const> = { "memory.current", "memory.usage_in_bytes" }

-- Gives how much memory a group may still have, with what the kernel would take from files that
-- nobody has used lately. nil: there is no limit.
local function room_of(root, folder)
    local limit = cgroups.strictest(root, { folder }, LIMITS)
    local usage = limit and cgroups.strictest(root, { folder }, USAGES)
    if not usage then return nil end
    local stat = core.read_file(root .. folder .. "/memory.stat") or ""
    local inactive = stat:match("total_inactive_file (%d+)") or stat:match("inactive_file (%d+)")
    return math.max(0, limit.bytes - usage.bytes + math.tointeger(tonumber(inactive or 0)))
end

--- Tells how much more memory a process may have, for all its groups.
-- @string root
-- @param[opt="self"] process its id
-- @treturn[1] int bytes
-- @treturn[1] string the folder of the group that has the least
-- @treturn[2] nil no group has a limit
function cgroups.room(root, process)
    local least, where
    for _, folder in ipairs(cgroups.folders(root, "memory", process)) do
        local room = room_of(root, folder)
        if room and (not least or room < least) then least, where = room, folder end
    end
    return least, where
end

return cgroups
