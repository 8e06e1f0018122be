-- SPDX-License-Identifier: Apache-2.0
--- Whether the text of a process is whole: after a failure each byte that could be executed before
-- must still be mapped so.

local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"

local whole = {}

--- Picks those mappings that can be executed.
-- @tparam table mappings list of Mapping
-- @treturn table list of Mapping
function whole.text_of(mappings)
    local list = {}
    for _, m in ipairs(mappings) do
        if protection.is_executable(m.perms) and m.start >= 0 then list[#list + 1] = m end
    end
    return list
end

-- Gives how many bytes of a range a list of mappings has.
local function bytes_of(list, range)
    local sum = 0
    for _, m in ipairs(list) do sum = sum + ranges.common_size(m, range) end
    return sum
end

--- Tells whether all text of a range is executable as it was.
-- @tparam Target target
-- @tparam table before what `whole.text_of` gave before
-- @tparam Range range
-- @treturn boolean
function whole.has_all(target, before, range)
    local now = whole.text_of(target.mappings() or {})
    if #now == 0 then return true end -- it has ended
    for _, m in ipairs(before) do
        if ranges.overlap(m, range) then
            local start, stop = ranges.common(m, range)
            if bytes_of(now, { start = start, stop = stop }) < stop - start then return false end
        end
    end
    return true
end

return whole
