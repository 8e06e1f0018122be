-- SPDX-License-Identifier: Apache-2.0
--- Facts of a host that a strategy does not need, read from /proc and /sys: filesystems, pools by node,
-- limits of the control group, containers. `root` is a folder that stands for /, for tests.

local core = require "tiexec.core"
local kernel = require "tiexec.harness.kernel"

local facts = {}

local function read(path)
    local file = io.open(path)
    local text = file and file:read("a")
    if file then file:close() end
    return text
end

local function read_word(path)
    return (read(path) or ""):match("%S+")
end

-- ---- filesystems -----------------------------------------------------------------------------------

-- Since which kernel a filesystem's page cache has huge pages, tmpfs by MADV_COLLAPSE. What is not here is
-- not known.
local large_folios <const> = { xfs = { 5, 18 }, ext4 = { 6, 16 }, bcachefs = { 6, 7 }, tmpfs = { 6, 1 } }

local function at_least(version, wanted)
    return version[1] > wanted[1] or (version[1] == wanted[1] and version[2] >= wanted[2])
end

local function unescape(path)
    return (path:gsub("\\(%d%d%d)", function(digits) return string.char(tonumber(digits, 8)) end))
end

-- The mounts, in the order in which they were made.
local function mounts(root)
    local list = {}
    for line in (read(root .. "/proc/self/mountinfo") or ""):gmatch("[^\n]+") do
        local within, point, options, kind, source, more =
            line:match("^%d+ %d+ %d+:%d+ (%S+) (%S+) (%S+) .-%- (%S+) (%S+) ?(%S*)")
        if within then
            list[#list + 1] = { within = unescape(within), point = unescape(point), options = options .. "," .. more,
                type = kind, source = unescape(source) }
        end
    end
    return list
end

local function is_below(path, folder)
    return folder == "/" or path == folder or path:sub(1, #folder + 1) == folder .. "/"
end

local function follow_links(root, path)
    for _ = 1, 40 do
        local target = core.readlink(root .. path)
        if not target then return path end
        path = target:sub(1, 1) == "/" and target or path:match("^(.*/)") .. target
    end
    return path
end

--- The filesystem that an absolute path lies on.
-- @tparam table host its `kernel_version` and `shmem_thp`
-- @treturn[1] table `type`, `point` (where it is mounted), `noexec`, `large_folios`: true, false (`why` not),
-- or nil: not known
-- @treturn[2] nil it was not found
function facts.filesystem(root, path, host)
    local best
    path = follow_links(root, path)
    for _, mount in ipairs(mounts(root)) do
        if is_below(path, mount.point) and (not best or #mount.point >= #best.point) then best = mount end
    end
    if not best then return nil end
    local since, known, why = large_folios[best.type], nil, nil
    if since then known = at_least(host.kernel_version, since) end
    if known == false then why = ("%s has large folios since Linux %s"):format(best.type, table.concat(since, ".")) end
    if known and best.type == "tmpfs" and host.shmem_thp == "deny" then
        known, why = false, "huge pages are denied to tmpfs (shmem_enabled)"
    end
    local noexec = ("," .. best.options .. ","):find(",noexec,", 1, true) ~= nil
    return { type = best.type, point = best.point, noexec = noexec,
        large_folios = known, why = why }
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
    if is_below(group, mount.within) and mount.within ~= "/" then group = group:sub(#mount.within + 1) end
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
    local groups = read(root .. "/proc/self/cgroup") or ""
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
        or (read(root .. "/proc/1/environ") or ""):match("%f[^%z\0]container=([^%z]+)")
    if named then return named end
    if read(root .. "/.dockerenv") then return "docker" end
    if read(root .. "/run/.containerenv") then return "podman" end
end

local FIRST_PID_NAMESPACE <const> = "pid:[4026531836]" -- PROC_PID_INIT_INO

--- Reads them.
-- @string root "" for this host
-- @tparam table host as `describe.host` gives it
-- @treturn table `host`; `thp_switch`, the file that sets THP; `nodes`: pools of pages of its size by node;
-- `memory` and `hugetlb`: limits, `{bytes, file}` or nil; `container`: its name or nil; `pid_namespace`:
-- whether it is another than the host's, nil: not known
function facts.read(root, host)
    local huge, list = host.huge_page_size, mounts(root)
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
