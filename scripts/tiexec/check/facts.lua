-- SPDX-License-Identifier: Apache-2.0
--- Facts of a host that a strategy does not need, read from /proc and /sys: pools by node, limits of the control
-- group, containers. `root` is a folder that stands for /, for tests.

local core = require "tiexec.core"
local filesystem = require "tiexec.harness.filesystem"
local kernel = require "tiexec.harness.kernel"

local facts = {}

local function read_word(path)
    return (core.read_file(path) or ""):match("%S+")
end

-- ---- limits ----------------------------------------------------------------------------------------

local UNLIMITED <const> = 1 << 60

local function read_limit(path)
    local value = math.tointeger(tonumber(read_word(path) or ""))
    return value and value < UNLIMITED and value or nil
end

-- The smallest of a limit's values in a control group and those above it, and the file that has it.
local function smallest(root, mount, group, names)
    local least, where
    if filesystem.is_below(group, mount.within) and mount.within ~= "/" then group = group:sub(#mount.within + 1) end
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

-- The kernel writes the page size like this in names of files: "2MB", "512MB", "1GB".
local function size_name(bytes)
    if bytes >= 1 << 30 then return (bytes >> 30) .. "GB" end
    return bytes >= 1 << 20 and (bytes >> 20) .. "MB" or (bytes >> 10) .. "KB"
end

local function has_word(list, word)
    return word and ("," .. list .. ","):find("," .. word .. ",", 1, true) ~= nil
end

-- The mount of a hierarchy, and where this process is in it. `controller`: nil for that of version 2.
local function hierarchy(root, list, controller)
    local groups = core.read_file(root .. "/proc/self/cgroup") or ""
    for line in groups:gmatch("[^\n]+") do
        local names, group = line:match("^%d+:([^:]*):(.*)$")
        local mine = names and has_word(names, controller) or not controller and names == ""
        for _, mount in ipairs(mine and list or {}) do
            local kind = controller and "cgroup" or "cgroup2"
            local has = not controller or has_word(mount.options, controller)
            if mount.type == kind and has then return mount, group end
        end
    end
end

local function limit(root, list, controller, names)
    local least, where
    for _, version in ipairs { controller, false } do
        local mount, group = hierarchy(root, list, version or nil)
        local value, path
        if mount then value, path = smallest(root, mount, group, names) end
        if value and (not least or value < least) then least, where = value, path end
    end
    return least and { bytes = least, file = where } or nil
end

-- ---- the rest --------------------------------------------------------------------------------------

local function pools_by_node(root, huge)
    local list, folder = {}, root .. "/sys/devices/system/node"
    for _, name in ipairs(core.list_folder(folder) or {}) do
        local node = name:match("^node(%d+)$")
        local pool = node and ("%s/%s/hugepages/hugepages-%dkB/"):format(folder, name, huge >> 10)
        local total = pool and math.tointeger(tonumber(read_word(pool .. "nr_hugepages") or ""))
        if total then
            list[#list + 1] = { node = math.tointeger(tonumber(node)), total = total,
                free = math.tointeger(tonumber(read_word(pool .. "free_hugepages") or "")) or 0 }
        end
    end
    table.sort(list, function(a, b) return a.node < b.node end)
    return list
end

local function container(root)
    local named = read_word(root .. "/run/systemd/container")
        or (core.read_file(root .. "/proc/1/environ") or ""):match("%f[^%z\0]container=([^%z]+)")
    if named then return named end
    if core.read_file(root .. "/.dockerenv") then return "docker" end
    if core.read_file(root .. "/run/.containerenv") then return "podman" end
end

local FIRST_PID_NAMESPACE <const> = "pid:[4026531836]" -- PROC_PID_INIT_INO

--- Reads them.
-- @string root "" for this host
-- @tparam Host host
-- @treturn table `host`; `thp_switch`, the file that sets THP; `nodes`: pools of pages of its size by node;
-- `memory` and `hugetlb`: limits, `{bytes, file}` or nil; `container`: its name or nil; `pid_namespace`:
-- whether it is another than the host's, nil: not known
function facts.read(root, host)
    local huge, list = host.huge_page_size, filesystem.mounts(root)
    local namespace = core.readlink(root .. "/proc/self/ns/pid")
    local result = { host = host, thp_switch = kernel.thp_switch(huge, root), nodes = pools_by_node(root, huge),
        container = container(root) }
    result.memory = limit(root, list, "memory", { "memory.max", "memory.limit_in_bytes" })
    if huge > 0 then
        local name = "hugetlb." .. size_name(huge)
        result.hugetlb = limit(root, list, "hugetlb", { name .. ".max", name .. ".rsvd.max",
            name .. ".limit_in_bytes", name .. ".rsvd.limit_in_bytes" })
    end
    if namespace then result.pid_namespace = namespace ~= FIRST_PID_NAMESPACE end
    return result
end

return facts
