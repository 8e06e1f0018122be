-- SPDX-License-Identifier: Apache-2.0
--- Room in memory: whether the host and the control groups have enough for a copy. The kernel ends
-- processes where it runs out, and a copy that is not made costs less than that.

local cgroups = require "tiexec.harness.cgroups"
local codes = require "tiexec.base.codes"
local core = require "tiexec.core"
local text = require "tiexec.base.text"

local room = {}

local RESERVE <const> = 8 << 20 -- what is left to the program: bytes, and a share of the copy
local SHARE <const> = 8

--- Tells whether a process may have some more mappings (vm.max_map_count).
-- @tparam Target target
-- @int count how many
-- @treturn[1] boolean true
-- @treturn[2] nil, string why it may not
function room.for_mappings(target, count)
    local limit = tonumber(core.read_file("/proc/sys/vm/max_map_count") or "")
    local mappings, total = target.mappings()
    if not mappings then return nil, total end
    if not limit or total + count <= limit then return true end
    return nil, codes.words("mapping-limit")
end

--- Tells whether there is room for a copy, which the control groups of a process are charged with.
-- @int size bytes
-- @param[opt="self"] process its id
-- @string[opt=""] root a folder that stands for /, for tests
-- @treturn[1] boolean true
-- @treturn[2] nil, string why there is none
function room.for_copy(size, process, root)
    root = root or ""
    local needed = size + size // SHARE + RESERVE
    local kib = (core.read_file(root .. "/proc/meminfo") or ""):match("MemAvailable:%s*(%d+) kB")
    local available = kib and math.tointeger(tonumber(kib)) << 10
    if available and available < needed then
        return nil, codes.words("memory-short", text.size(size), text.size(available))
    end
    local left, where = cgroups.room(root, process)
    if not left or left >= needed then return true end
    return nil, codes.words("memory-limit", where, text.size(size), text.size(left))
end

return room
