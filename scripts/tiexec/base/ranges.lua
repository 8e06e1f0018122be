-- SPDX-License-Identifier: Apache-2.0
--- Arithmetic on ranges of addresses. A range (class Range) is a table with `start` and `stop`:
-- it reaches from `start` to just before `stop`. Mappings, operations, parts and pieces are
-- ranges, too.

local ranges = {}

--- Rounds an address down to a multiple of a size.
-- @int address
-- @int size a power of two, in bytes
-- @treturn int
function ranges.align_down(address, size) return address & -size end

--- Rounds an address up to a multiple of a size.
-- @int address
-- @int size a power of two, in bytes
-- @treturn int
function ranges.align_up(address, size) return (address + size - 1) & -size end

--- Rounds a range inward to whole pages.
-- @int start
-- @int stop
-- @int size the size of a page, in bytes
-- @treturn[1] int start of the first whole page
-- @treturn[1] int stop of the last whole page
-- @treturn[2] nil no whole page lies in the range
function ranges.inward(start, stop, size)
    start, stop = ranges.align_up(start, size), ranges.align_down(stop, size)
    if start < stop then return start, stop end
end

--- Tells whether two ranges have an address in common.
-- @tparam Range a
-- @tparam Range b
-- @treturn boolean
function ranges.overlap(a, b) return a.start < b.stop and b.start < a.stop end

--- Gives the addresses that two ranges have in common. If there are none, the stop is not above the
-- start.
-- @tparam Range a
-- @tparam Range b
-- @treturn int start
-- @treturn int stop
function ranges.common(a, b) return math.max(a.start, b.start), math.min(a.stop, b.stop) end

--- Counts the addresses that two ranges have in common.
-- @tparam Range a
-- @tparam Range b
-- @treturn int bytes
function ranges.common_size(a, b)
    local start, stop = ranges.common(a, b)
    return math.max(0, stop - start)
end

--- Tells whether an address lies in a range.
-- @tparam Range range
-- @int address
-- @treturn boolean
function ranges.contains(range, address) return range.start <= address and address < range.stop end

--- Finds the first range of a list that an address lies in.
-- @tparam table list of Range
-- @int address
-- @treturn ?Range nil: the address lies in none
function ranges.find(list, address)
    for _, range in ipairs(list) do
        if ranges.contains(range, address) then return range end
    end
end

--- Tells whether a range overlaps any range of a list.
-- @tparam Range range
-- @tparam table list of Range
-- @treturn boolean
function ranges.overlaps_any(range, list)
    for _, other in ipairs(list) do
        if ranges.overlap(range, other) then return true end
    end
    return false
end

return ranges
