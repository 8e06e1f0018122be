-- SPDX-License-Identifier: Apache-2.0
--- The second plan of a stage, for pages smaller than the PMD's. The TLB of some CPUs can hold a
-- run of base pages as one entry (on AArch64 by the contiguous bit). On such a CPU the second
-- plan asks for pages of this size for the text that has got no page by the first plan. Its
-- operations are optional: it is no failure if no source can serve them.

local hosts = require "tiexec.harness.hosts"
local ranges = require "tiexec.base.ranges"
local sources = require "tiexec.sources"
local strategy = require "tiexec.plan.strategy"

local smaller = {}

--- Describes the host for these smaller pages, and finds the sources that offer them.
-- @tparam Host host as the first plan had it
-- @tparam table names list of sources, in order of preference
-- @treturn[1] Host
-- @treturn[1] table list of those names whose sources offer such pages
-- @treturn[2] nil the CPU has no such pages, or no source offers them
function smaller.host(host, names)
    local smaller_host, able = hosts.smaller(host), {}
    for _, name in ipairs(smaller_host and names or {}) do
        local offers = sources.get(name).offers
        if offers and offers(smaller_host) then able[#able + 1] = name end
    end
    if #able > 0 then return smaller_host, able end
end

local function copy_with(original, changes)
    local result = {}
    for key, value in pairs(original) do result[key] = value end
    for key, value in pairs(changes) do result[key] = value end
    return result
end

-- Adds a mapping to a list, cut into parts where a range begins or ends. The parts within ranges
-- are of the kind "settled".
local function add_cut(list, mapping, done)
    local at = mapping.start
    local function add(stop, kind)
        if at < stop then
            local offset = mapping.offset and mapping.offset + at - mapping.start
            list[#list + 1] = copy_with(mapping,
                { start = at, stop = stop, kind = kind or mapping.kind, offset = offset })
        end
        at = math.max(at, stop)
    end
    for _, range in ipairs(done) do
        if ranges.overlap(range, mapping) then
            add(math.min(range.start, mapping.stop))
            add(math.min(range.stop, mapping.stop), "settled")
        end
    end
    add(mapping.stop)
end

-- A copy of a description in which the ranges `done`, which are in order of address, are settled.
local function settle(description, done)
    local result, objects = copy_with(description, { mappings = {}, objects = {} }), {}
    for i, object in ipairs(description.objects or {}) do
        objects[object] = copy_with(object, { mappings = {} })
        result.objects[i] = objects[object]
    end
    result.executable = objects[description.executable] or description.executable
    for _, mapping in ipairs(description.mappings) do add_cut(result.mappings, mapping, done) end
    for _, mapping in ipairs(result.mappings) do
        local object = objects[mapping.object]
        if object then
            mapping.object = object
            table.insert(object.mappings, mapping)
        end
    end
    return result
end

-- The names of an operation's sources that are able; all that are able, if the operation names
-- none.
local function able_sources(operation, able)
    local list = {}
    for _, name in ipairs(operation.sources or able) do
        for _, known in ipairs(able) do
            if known == name then list[#list + 1] = name end
        end
    end
    return list
end

local function by_start(a, b) return a.start < b.start end

--- Makes the second plan.
-- @tparam Description description
-- @tparam Chosen chosen
-- @tparam table done list of ranges that the second plan must leave alone
-- @treturn table list of Operation, which may be empty. All are remaps with `page_size` and
-- `sources`, and are marked `optional`
function smaller.plan(description, chosen, done)
    local host, able = smaller.host(chosen.host, chosen.names)
    if not host then return {} end
    local in_order = table.move(done, 1, #done, 1, {})
    table.sort(in_order, by_start)
    local operations = strategy.make_plan(chosen.definition, settle(description, in_order), host,
        { sources = able, parameters = chosen.parameters })
    local result = {}
    for _, operation in ipairs(operations or {}) do
        local names = able_sources(operation, able)
        if operation.op == "remap" and not operation.page_size and #names > 0 then
            operation.page_size, operation.sources = host.huge_page_size, names
            operation.optional = true
            result[#result + 1] = operation
        end
    end
    return result
end

--- Joins the two plans into one list, to be shown. A text that the first plan keeps, and the second
-- remaps, is no longer among the kept ones.
-- @tparam table first list of Operation
-- @tparam table second list of Operation
-- @treturn table list of Operation in order of address
function smaller.joined(first, second)
    if #second == 0 then return first end
    local result = {}
    for _, operation in ipairs(first) do
        if operation.op == "remap" or not ranges.overlaps_any(operation, second) then
            result[#result + 1] = operation
        end
    end
    table.move(second, 1, #second, #result + 1, result)
    table.sort(result, by_start)
    return result
end

return smaller
