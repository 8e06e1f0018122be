-- SPDX-License-Identifier: Apache-2.0
--- For pages of which size a plan is made. First for those that are set, or the PMD-sized ones, which the page cache
-- has, too. On CPUs whose TLB may hold a run of base pages as one entry, once more for pages of such a run, if a source
-- has any to give: for what the first plan leaves, and for its ranges, should they not get what they are planned for.

local describe = require "tiexec.describe"
local sources = require "tiexec.sources"
local strategy = require "tiexec.strategy"

local sizes = {}

-- The host with these smaller pages, and the sources that have some.
local function smaller_pages(host, names)
    local smaller, able = describe.smaller(host), {}
    for _, name in ipairs(smaller and names or {}) do
        local offers = sources.get(name).offers
        if offers and offers(smaller) then able[#able + 1] = name end
    end
    if #able > 0 then return smaller, able end
end

local function part_of(mapping, start, stop, kind)
    local part = {}
    for key, value in pairs(mapping) do part[key] = value end
    part.start, part.stop, part.kind = start, stop, kind or mapping.kind
    part.offset = mapping.offset and mapping.offset + start - mapping.start
    return part
end

-- Adds a mapping to a list, cut where a range begins or ends; within, it is settled.
local function add_cut(list, mapping, ranges)
    local at = mapping.start
    local function add(stop, kind)
        if at < stop then list[#list + 1] = part_of(mapping, at, stop, kind) end
        at = math.max(at, stop)
    end
    for _, range in ipairs(ranges) do
        if range.start < mapping.stop and mapping.start < range.stop then
            add(math.min(range.start, mapping.stop))
            add(math.min(range.stop, mapping.stop), "settled")
        end
    end
    add(mapping.stop)
end

-- The inferior as it is beside the ranges of a plan.
local function beside(inferior, ranges)
    local view = {}
    for key, value in pairs(inferior) do view[key] = value end
    view.mappings = {}
    for _, mapping in ipairs(inferior.mappings) do add_cut(view.mappings, mapping, ranges) end
    return view
end

local function remaps_of(operations)
    local list = {}
    for _, operation in ipairs(operations) do
        if operation.op == "remap" then list[#list + 1] = operation end
    end
    table.sort(list, function(a, b) return a.start < b.start end)
    return list
end

local function overlaps_any(operation, list)
    for _, other in ipairs(list) do
        if operation.start < other.stop and other.start < operation.stop then return true end
    end
    return false
end

-- What the first plan keeps, and the second does not, is kept no more. What is refused of the second is no loss.
local function joined(first, second)
    local result, added = {}, remaps_of(second)
    for _, operation in ipairs(first) do
        if operation.op == "remap" or not overlaps_any(operation, added) then result[#result + 1] = operation end
    end
    table.move(added, 1, #added, #result + 1, result)
    table.sort(result, function(a, b) return a.start < b.start end)
    return result
end

--- Has a strategy make its plan.
-- @tparam table definition what `strategy.load` gave
-- @tparam table inferior a description
-- @tparam table host the same
-- @tparam table names of the sources
-- @bool only the size that `host` is of was asked for: there is no second plan
-- @treturn[1] table operations
-- @treturn[1] table the refused
-- @treturn[2] nil, string why there is none
function sizes.plan(definition, inferior, host, names, only)
    local first, refused = strategy.make_plan(definition, inferior, host, { sources = names })
    local smaller, able
    if first and not only then smaller, able = smaller_pages(host, names) end
    if not smaller then return first, refused end
    local remaps = remaps_of(first)
    for _, operation in ipairs(remaps) do
        operation.otherwise = { page_size = smaller.huge_page_size, sources = able }
    end
    local view = beside(inferior, remaps)
    local second = strategy.make_plan(definition, view, smaller, { sources = able }) or {}
    for _, operation in ipairs(second) do
        operation.page_size = operation.page_size or smaller.huge_page_size
        operation.sources = operation.sources or able
    end
    return joined(first, second), refused
end

return sizes
