-- SPDX-License-Identifier: Apache-2.0
--- For pages of which size a plan is made. First for those that are set, or the PMD-sized ones, which the page cache
-- has, too. On CPUs whose TLB may hold a run of base pages as one entry, once more for pages of such a run, if a source
-- has any to give: for the text that is left then, or has not got what it was planned for. That is an offer: where it
-- comes to nothing, nothing has failed.

local describe = require "tiexec.plan.describe"
local sources = require "tiexec.sources"
local strategy = require "tiexec.plan.strategy"

local sizes = {}

--- The host with these smaller pages, and the names of the sources that have some.
-- @treturn[1] table
-- @treturn[1] table
-- @treturn[2] nil there are none to be had
function sizes.smaller(host, names)
    local smaller, able = describe.smaller(host), {}
    for _, name in ipairs(smaller and names or {}) do
        local offers = sources.get(name).offers
        if offers and offers(smaller) then able[#able + 1] = name end
    end
    if #able > 0 then return smaller, able end
end

local function copy_of(list, changes)
    local result = {}
    for key, value in pairs(list) do result[key] = value end
    for key, value in pairs(changes) do result[key] = value end
    return result
end

-- Adds a mapping to a list, cut where a range begins or ends; within, it is settled.
local function add_cut(list, mapping, ranges)
    local at = mapping.start
    local function add(stop, kind)
        if at < stop then
            list[#list + 1] = copy_of(mapping, { start = at, stop = stop, kind = kind or mapping.kind,
                offset = mapping.offset and mapping.offset + at - mapping.start })
        end
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

-- The inferior as it is beside some ranges, in order. Objects have the same mappings as the whole.
local function beside(inferior, ranges)
    local view, objects = copy_of(inferior, { mappings = {}, objects = {} }), {}
    for i, object in ipairs(inferior.objects or {}) do
        objects[object] = copy_of(object, { mappings = {} })
        view.objects[i] = objects[object]
    end
    view.executable = objects[inferior.executable] or inferior.executable
    for _, mapping in ipairs(inferior.mappings) do add_cut(view.mappings, mapping, ranges) end
    for _, part in ipairs(view.mappings) do
        local object = objects[part.object]
        if object then
            part.object = object
            table.insert(object.mappings, part)
        end
    end
    return view
end

local function among(names, wanted)
    local list = {}
    for _, name in ipairs(wanted or names) do
        for _, able in ipairs(names) do
            if able == name then list[#list + 1] = name end
        end
    end
    return list
end

--- The plan for the smaller pages.
-- @tparam table definition what `strategy.load` gave
-- @tparam table inferior a description
-- @tparam table host the same
-- @tparam table names of the sources
-- @tparam table done ranges `start`, `stop` that are to be left alone
-- @treturn table operations, maybe none: all are remaps, with a `page_size` and `sources`, and `optional`
function sizes.rest(definition, inferior, host, names, done)
    local smaller, able = sizes.smaller(host, names)
    if not smaller then return {} end
    local ranges = table.move(done, 1, #done, 1, {})
    table.sort(ranges, function(a, b) return a.start < b.start end)
    local plan = strategy.make_plan(definition, beside(inferior, ranges), smaller, { sources = able })
    local result = {}
    for _, operation in ipairs(plan or {}) do
        local its_sources = among(able, operation.sources)
        if operation.op == "remap" and not operation.page_size and #its_sources > 0 then
            operation.page_size, operation.sources = smaller.huge_page_size, its_sources
            operation.optional = true
            result[#result + 1] = operation
        end
    end
    return result
end

--- Whether a range overlaps any of a list.
function sizes.overlaps_any(range, list)
    for _, other in ipairs(list) do
        if range.start < other.stop and other.start < range.stop then return true end
    end
    return false
end

--- Both plans in one list, in order of address, to be shown: what the first keeps, and the rest does not, is kept no
-- more.
function sizes.joined(first, rest)
    if #rest == 0 then return first end
    local result = {}
    for _, operation in ipairs(first) do
        if operation.op == "remap" or not sizes.overlaps_any(operation, rest) then result[#result + 1] = operation end
    end
    table.move(rest, 1, #rest, #result + 1, result)
    table.sort(result, function(a, b) return a.start < b.start end)
    return result
end

return sizes
