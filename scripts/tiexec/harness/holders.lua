-- SPDX-License-Identifier: Apache-2.0
--- Who keeps pages of a file small: the processes that map some of them.

local core = require "tiexec.core"
local text = require "tiexec.base.text"

local holders = {}

-- Whether a mapping is of a file. On some filesystems (btrfs, overlayfs) the device that maps has
-- is not that of stat: then the path decides.
local function is_of(m, stat, path)
    if m.inode ~= stat.inode then return false end
    local device = (m.minor & 0xff) | (m.major << 8) | (m.minor & ~0xff) << 12
    return device == stat.device or m.path == path
end

-- Whether a process maps some pages of a file that are small, as far as this user may know.
local function maps_small(pid, stat, path)
    local lines = core.read_file(("/proc/%d/maps"):format(pid))
    if not lines or not lines:find((" %d "):format(stat.inode), 1, true) then return false end
    for _, m in ipairs(core.mappings(pid, true) or {}) do
        if is_of(m, stat, path) and m.file_huge < m.rss then return true end
    end
    return false
end

--- Finds the processes that map small pages of a file.
-- @string path of the file, without links
-- @int but a process that does not count
-- @treturn table list of process ids
function holders.of(path, but)
    local list, stat = {}, core.stat(path)
    for _, word in ipairs(stat and core.list_folder("/proc") or {}) do
        local pid = math.tointeger(tonumber(word))
        if pid and pid ~= but and maps_small(pid, stat, path) then list[#list + 1] = pid end
    end
    return list
end

--- Names a process.
-- @int pid
-- @treturn string such as "process 812 (postgres)"
function holders.name(pid)
    local name = (core.read_file(("/proc/%d/comm"):format(pid)) or "?"):gsub("\n", "")
    return ("process %d (%s)"):format(pid, text.visible(name))
end

--- Says that processes have to end before something can be done.
-- @tparam table list of process ids, not empty
-- @treturn string such as "process 812 (postgres) and 3 others have ended"
function holders.text(list)
    local first = holders.name(list[1])
    if #list == 1 then return first .. " has ended" end
    return ("%s and %s have ended"):format(first, text.count(#list - 1, "other"))
end

return holders
