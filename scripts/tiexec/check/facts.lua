-- SPDX-License-Identifier: Apache-2.0
--- Reads facts of a host that a strategy does not need: hugetlb pools by node, limits of the
-- control group, containers. They are read from /proc and /sys below a folder `root`, which is ""
-- for this host, and another folder in tests.

local cgroups = require "tiexec.harness.cgroups"
local core = require "tiexec.core"
local kernel = require "tiexec.harness.kernel"

local facts = {}

local function read_word(path)
    return (core.read_file(path) or ""):match("%S+")
end

local function read_integer(path)
    return math.tointeger(tonumber(read_word(path) or ""))
end

-- ---- limits -------------------------------------------------------------------------------------

-- Gives the size of a page as the kernel writes it in names of files: "2MB", "512MB", "1GB".
local function size_name(bytes)
    if bytes >= 1 << 30 then return (bytes >> 30) .. "GB" end
    return bytes >= 1 << 20 and (bytes >> 20) .. "MB" or (bytes >> 10) .. "KB"
end

local function hugetlb_limit(root, size)
    local name = "hugetlb." .. size_name(size)
    local folders = cgroups.folders(root, "hugetlb")
    return cgroups.strictest(root, folders, { name .. ".max", name .. ".rsvd.max",
        name .. ".limit_in_bytes", name .. ".rsvd.limit_in_bytes" })
end

-- Gives the memory limit, and what it leaves, as a start would find it.
local function memory_limit(root)
    local limit = cgroups.strictest(root, cgroups.folders(root, "memory"),
        { "memory.max", "memory.limit_in_bytes" })
    if limit then limit.left = cgroups.room(root) end
    return limit
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
    local size = host.huge_page_size
    local namespace = core.readlink(root .. "/proc/self/ns/pid")
    local result = {
        host = host,
        thp_switch = kernel.thp_switch(size, root),
        nodes = pools_by_node(root, size),
        container = container(root),
        memory = memory_limit(root),
        hugetlb = size > 0 and hugetlb_limit(root, size) or nil,
    }
    if namespace then result.pid_namespace = namespace ~= FIRST_PID_NAMESPACE end
    return result
end

return facts
