-- SPDX-License-Identifier: Apache-2.0
--- What was tried in vain lately: files whose pages stayed small when they were read again, on a
-- filesystem without large folios or for want of free huge pages. For some minutes nothing of them
-- is dropped again. A file without contents in this user's cache folder (see cache.lua) notes that.

local cache = require "tiexec.sources.cache"
local core = require "tiexec.core"

local vain = {}

local MINUTES <const> = 10
local NANOSECONDS <const> = 60000000000 -- of a minute

local function name_of(stat)
    return (".small-%x-%x-%x"):format(stat.device, stat.inode, stat.mtime)
end

-- The folder of this user, or nil.
local function own(folders)
    for _, folder in ipairs(folders) do
        if folder.own then return folder end
    end
end

--- Tells whether a file was tried in vain in the last minutes.
-- @tparam ?table stat what core.stat tells of it
-- @treturn boolean
function vain.is_noted(stat)
    if not stat then return false end
    local folders <close> = cache.folders(false)
    local folder = own(folders)
    local fd = folder and core.cache_open(folder.fd, name_of(stat), 0)
    if not fd then return false end
    local stamp = core.stamp("/proc/self/fd/" .. fd)
    core.syscall("close", fd)
    return stamp ~= nil and stamp.age >= 0 and stamp.age < MINUTES * NANOSECONDS
end

--- Notes that a file was tried in vain.
-- @tparam ?table stat what core.stat tells of it
function vain.note(stat)
    if not stat then return end
    local folders <close> = cache.folders(true)
    local folder, name = own(folders), name_of(stat)
    if not folder then return end
    os.remove(folder:path_of(name))
    local fd = core.cache_begin(folder.fd, name, 0)
    if not fd then return end
    if not core.cache_finish(folder.fd, name, fd, 0x100) then -- 0400
        core.cache_abandon(folder.fd, name)
    end
    core.syscall("close", fd)
end

return vain
