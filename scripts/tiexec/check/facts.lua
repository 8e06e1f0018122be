-- SPDX-License-Identifier: Apache-2.0
--- Reads facts of a host that a strategy does not need: hugetlb pools by node, limits of the
-- control group, containers. They are read from /proc and /sys below a folder `root`, which is ""
-- for this host, and another folder in tests.

local core = require "tiexec.core"
local filesystem = require "tiexec.harness.filesystem"
local kernel = require "tiexec.harness.kernel"

local facts = {}

local function read_word(path)
    return (core.read_file(path) or ""):match("%S+")
end

local function read_integer(path)
    return math.tointeger(tonumber(read_word(path) or ""))
end

-- ---- limits -------------------------------------------------------------------------------------

-- Where there is no limit, version 2 of control groups says "max", and version 1 a larger number.
local UNLIMITED <const> = 1 << 60

local function read_limit(path)
    local value = read_integer(path)
    return value and value < UNLIMITED and value or nil
end

-- Gives the smallest value of a limit in a control group and in those above it, and the file that
-- has that value. The limit's file has one of `names`.
local function smallest(root, mount, group, names)
    local least, where
    if filesystem.is_below(group, mount.within) and mount.within ~= "/" then
        group = group:sub(#mount.within + 1)
    end
    while true do
        for _, name in ipairs(names) do
            local path = mount.point .. group:gsub("/$", "") .. "/" .. name
            local value = read_limit(root .. path)
            if value and (not least or value < least) then least, where = value, path end
        end
        if group == "" or group == "/" then return least, where end
        group = group:match("^(.*)/[^/]*$") or ""
    end
end

-- Gives the size of a page as the kernel writes it in names of files: "2MB", "512MB", "1GB".
local function size_name(bytes)
    if bytes >= 1 << 30 then return (bytes >> 30) .. "GB" end
    return bytes >= 1 << 20 and (bytes >> 20) .. "MB" or (bytes >> 10) .. "KB"
end

local function has_word(list, word)
    return word and ("," .. list .. ","):find("," .. word .. ",", 1, true) ~= nil
end

-- Gives the mount of a hierarchy of control groups, and the group there that this process is in. A
-- hierarchy of version 1 is known by its controller, and nil stands for that of version 2.
local function hierarchy(root, mounts, controller)
    local groups = core.read_file(root .. "/proc/self/cgroup") or ""
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

-- Gives the strictest Limit in the hierarchies of both versions, or nil.
local function strictest(root, mounts, controller, names)
    local least, where
    for _, version in ipairs { controller, false } do
        local mount, group = hierarchy(root, mounts, version or nil)
        local value, path
        if mount then value, path = smallest(root, mount, group, names) end
        if value and (not least or value < least) then least, where = value, path end
    end
    return least and { bytes = least, file = where } or nil
end

local function hugetlb_limit(root, mounts, size)
    local name = "hugetlb." .. size_name(size)
    return strictest(root, mounts, "hugetlb", { name .. ".max", name .. ".rsvd.max",
        name .. ".limit_in_bytes", name .. ".rsvd.limit_in_bytes" })
end

-- ---- the rest -----------------------------------------------------------------------------------

-- Gives a NodePool for each node that has a pool of pages of a size, in the order of their numbers.
local function pools_by_node(root, size)
    local list, folder = {}, root .. "/sys/devices/system/node"
    for _, name in ipairs(core.list_folder(folder) or {}) do
        local node = name:match("^node(%d+)$")
        local pool = node and ("%s/%s/hugepages/hugepages-%dkB/"):format(folder, name, size >> 10)
        local total = pool and read_integer(pool .. "nr_hugepages")
        if total then
            list[#list + 1] = { node = math.tointeger(tonumber(node)), total = total,
                free = read_integer(pool .. "free_hugepages") or 0 }
        end
    end
    table.sort(list, function(a, b) return a.node < b.node end)
    return list
end

-- Gives the name of the container that this process is in, as far as containers leave traces.
local function container(root)
    local named = read_word(root .. "/run/systemd/container")
        or (core.read_file(root .. "/proc/1/environ") or ""):match("%f[^%z\0]container=([^%z]+)")
    if named then return named end
    if core.read_file(root .. "/.dockerenv") then return "docker" end
    if core.read_file(root .. "/run/.containerenv") then return "podman" end
end

local FIRST_PID_NAMESPACE <const> = "pid:[4026531836]" -- the kernel's PROC_PID_INIT_INO

--- Reads the facts.
-- @string root a folder that stands for /
-- @tparam Host host
-- @treturn HostFacts
function facts.read(root, host)
    local size, mounts = host.huge_page_size, filesystem.mounts(root)
    local namespace = core.readlink(root .. "/proc/self/ns/pid")
    local result = {
        host = host,
        thp_switch = kernel.thp_switch(size, root),
        nodes = pools_by_node(root, size),
        container = container(root),
        memory = strictest(root, mounts, "memory", { "memory.max", "memory.limit_in_bytes" }),
        hugetlb = size > 0 and hugetlb_limit(root, mounts, size) or nil,
    }
    if namespace then result.pid_namespace = namespace ~= FIRST_PID_NAMESPACE end
    return result
end

return facts
