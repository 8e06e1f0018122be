-- SPDX-License-Identifier: Apache-2.0
--- Which processes map a file.

local core = require "tiexec.core"
local text = require "tiexec.base.text"

local mappers = {}

-- Whether a mapping is of a file. On some filesystems (btrfs, overlayfs) the device that maps has
-- is not that of stat: then the path decides.
local function is_of(m, stat, path)
    if m.inode ~= stat.inode then return false end
    local device = (m.minor & 0xff) | (m.major << 8) | (m.minor & ~0xff) << 12
    return device == stat.device or m.path == path
end

-- Whether a process maps some of a file small: nil if it maps nothing of it, as far as this user
-- may know.
local function maps_small(pid, stat, path)
    local lines = core.read_file(("/proc/%d/maps"):format(pid))
    if not lines or not lines:find((" %d "):format(stat.inode), 1, true) then return nil end
    local found
    for _, m in ipairs(core.mappings(pid, true) or {}) do
        if is_of(m, stat, path) and m.rss > 0 then
            found = found or m.file_huge < m.rss
        end
    end
    return found
end

--- Finds a process that maps small pages of a file.
-- @tparam Stat stat of the file
-- @string path of the file, without links
-- @treturn ?string such as "process 812 (prometheus)"; nil: none is seen by this user
function mappers.of_small_pages(stat, path)
    for _, word in ipairs(core.list_folder("/proc") or {}) do
        local pid = math.tointeger(tonumber(word))
        if pid and pid ~= core.getpid() and maps_small(pid, stat, path) then
            local name = (core.read_file(("/proc/%d/comm"):format(pid)) or "?"):gsub("\n", "")
            return ("process %d (%s)"):format(pid, text.visible(name))
        end
    end
end

return mappers
