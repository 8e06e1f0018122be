-- SPDX-License-Identifier: Apache-2.0
--- Arithmetic on ranges of addresses. A range is a table with `start` and `stop`, and reaches from
-- `start` to just before `stop`. A size to align to is a power of two.

local ranges = {}

--- Rounds an address down to a multiple of `size`.
function ranges.align_down(address, size) return address & -size end

--- Rounds an address up to a multiple of `size`.
function ranges.align_up(address, size) return (address + size - 1) & -size end

--- Whether two ranges have an address in common.
function ranges.overlap(a, b) return a.start < b.stop and b.start < a.stop end

--- What two ranges have in common. Where that is nothing, the stop is not above the start.
-- @treturn int start
-- @treturn int stop
function ranges.common(a, b) return math.max(a.start, b.start), math.min(a.stop, b.stop) end

--- How many bytes two ranges have in common.
function ranges.common_size(a, b)
    return math.max(0, math.min(a.stop, b.stop) - math.max(a.start, b.start))
end

--- Whether an address lies in a range.
function ranges.contains(range, address) return range.start <= address and address < range.stop end

--- The first range of a list that an address lies in, or nil.
function ranges.find(list, address)
    for _, range in ipairs(list) do
        if ranges.contains(range, address) then return range end
    end
end

--- Whether a range overlaps any range of a list.
function ranges.overlaps_any(range, list)
    for _, other in ipairs(list) do
        if ranges.overlap(range, other) then return true end
    end
    return false
end

return ranges
