-- SPDX-License-Identifier: Apache-2.0
--- Filesystems: which one a path lies on, and whether its page cache has huge pages. Tests give a
-- folder as `root`, which stands for / then. "" is the host itself.

local codes = require "tiexec.base.codes"
local core = require "tiexec.core"
local hosts = require "tiexec.harness.hosts"

local filesystem = {}

-- The kernel version since which a filesystem's page cache has huge pages. tmpfs has them by
-- MADV_COLLAPSE. Other filesystems may have them or not: that is not known here.
local large_folios <const> = { xfs = { 5, 18 }, ext4 = { 6, 16 }, bcachefs = { 6, 7 },
    tmpfs = { 6, 1 } }

-- mountinfo has spaces and the like as octal numbers: "\040".
local function unescape(path)
    return (path:gsub("\\(%d%d%d)", function(digits) return string.char(tonumber(digits, 8)) end))
end

--- Lists the mounts that this process sees, in the order in which they were made.
-- @string root
-- @treturn table list of Mount
function filesystem.mounts(root)
    local list = {}
    for line in (core.read_file(root .. "/proc/self/mountinfo") or ""):gmatch("[^\n]+") do
        local within, point, options, kind, source, more =
            line:match("^%d+ %d+ %d+:%d+ (%S+) (%S+) (%S+) .-%- (%S+) (%S+) ?(%S*)")
        if within then
            list[#list + 1] = { within = unescape(within), point = unescape(point), type = kind,
                source = unescape(source), options = options .. "," .. more }
        end
    end
    return list
end

--- Tells whether a path is a folder, or lies below it.
-- @string path
-- @string folder
-- @treturn boolean
function filesystem.is_below(path, folder)
    return folder == "/" or path == folder or path:sub(1, #folder + 1) == folder .. "/"
end

local MAX_LINKS <const> = 40 -- as in the kernel (MAXSYMLINKS)

local function follow_links(root, path)
    for _ = 1, MAX_LINKS do
        local target = core.readlink(root .. path)
        if not target then return path end
        path = target:sub(1, 1) == "/" and target or path:match("^(.*/)") .. target
    end
    return path
end

-- Tells whether a mounted filesystem has large folios: true; or false and why not; or nil if that
-- is not known.
local function has_large_folios(mount, host)
    local since = large_folios[mount.type]
    if not since then return nil end
    if not hosts.is_at_least(host, since[1], since[2]) then
        return false, codes.words("old-filesystem", mount.type, table.concat(since, "."))
    end
    if mount.type == "tmpfs" and host.shmem_thp == "deny" then
        return false, codes.words("tmpfs-denied")
    end
    return true
end

-- Tells whether this kernel joins cached pages of text, whatever the filesystem: it does with
-- CONFIG_READ_ONLY_THP_FOR_FS. That is tried, on this host itself.
local function joins_text(root, path, host)
    return root == "" and host.huge_page_size > 0 and core.joins_text(path, host.huge_page_size)
end

--- Finds the filesystem that a path lies on.
-- @string root
-- @string path absolute
-- @tparam Host host
-- @treturn[1] Filesystem `large_folios` is true; or false, and `why` says why; or nil: not known.
-- `joins_text`: it has huge pages only because this kernel joins cached pages of text
-- @treturn[2] nil the filesystem was not found
function filesystem.of(root, path, host)
    local best
    path = follow_links(root, path)
    for _, mount in ipairs(filesystem.mounts(root)) do
        local fits = filesystem.is_below(path, mount.point)
        if fits and (not best or #mount.point >= #best.point) then best = mount end
    end
    if not best then return nil end
    local has_large, why = has_large_folios(best, host)
    local joins = not has_large and joins_text(root, path, host)
    if joins then has_large, why = true, nil end
    local noexec = ("," .. best.options .. ","):find(",noexec,", 1, true) ~= nil
    return { type = best.type, point = best.point, noexec = noexec, large_folios = has_large,
        joins_text = joins, why = why }
end

return filesystem
