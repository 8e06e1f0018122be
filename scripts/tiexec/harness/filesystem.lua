-- SPDX-License-Identifier: Apache-2.0
--- Which filesystem a path lies on, and whether its page cache has huge pages. `root` is a folder that stands
-- for /, for tests; "" is this host.

local core = require "tiexec.core"
local hosts = require "tiexec.harness.hosts"

local filesystem = {}

-- Since which kernel a filesystem's page cache has huge pages; tmpfs has them by MADV_COLLAPSE. Of filesystems
-- that are not in this table it is not known.
local large_folios <const> = { xfs = { 5, 18 }, ext4 = { 6, 16 }, bcachefs = { 6, 7 }, tmpfs = { 6, 1 } }

local function unescape(path)
    return (path:gsub("\\(%d%d%d)", function(digits) return string.char(tonumber(digits, 8)) end))
end

--- The mounts that this process sees, in the order in which they were made.
-- @treturn table list of `point` (where it is mounted), `within` (the folder of the filesystem that is seen there),
-- `type`, `source`, `options` (a comma list)
function filesystem.mounts(root)
    local list = {}
    for line in (core.read_file(root .. "/proc/self/mountinfo") or ""):gmatch("[^\n]+") do
        local within, point, options, kind, source, more =
            line:match("^%d+ %d+ %d+:%d+ (%S+) (%S+) (%S+) .-%- (%S+) (%S+) ?(%S*)")
        if within then
            list[#list + 1] = { within = unescape(within), point = unescape(point), options = options .. "," .. more,
                type = kind, source = unescape(source) }
        end
    end
    return list
end

--- Whether a path is a folder or lies below it.
function filesystem.is_below(path, folder)
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

-- Whether a mounted filesystem has large folios: true, false and why not, or nil.
local function has_large_folios(mount, host)
    local since = large_folios[mount.type]
    if not since then return nil end
    if not hosts.is_at_least(host, since[1], since[2]) then
        return false, ("%s has large folios since Linux %s"):format(mount.type, table.concat(since, "."))
    end
    if mount.type == "tmpfs" and host.shmem_thp == "deny" then
        return false, "huge pages are denied to tmpfs (shmem_enabled)"
    end
    return true
end

--- The filesystem that an absolute path lies on.
-- @string root
-- @string path
-- @tparam table host `kernel_version`, `shmem_thp`
-- @treturn[1] table `type`, `point` (where it is mounted), `noexec`, `large_folios`: true, false (`why` not),
-- or nil: not known
-- @treturn[2] nil the filesystem was not found
function filesystem.of(root, path, host)
    local best
    path = follow_links(root, path)
    for _, mount in ipairs(filesystem.mounts(root)) do
        local fits = filesystem.is_below(path, mount.point)
        if fits and (not best or #mount.point >= #best.point) then best = mount end
    end
    if not best then return nil end
    local known, why = has_large_folios(best, host)
    local noexec = ("," .. best.options .. ","):find(",noexec,", 1, true) ~= nil
    return { type = best.type, point = best.point, noexec = noexec, large_folios = known, why = why }
end

return filesystem
