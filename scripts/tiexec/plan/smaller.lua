-- SPDX-License-Identifier: Apache-2.0
--- The second plan. Some CPUs' TLB may hold a run of base pages as one entry (the contiguous bit of AArch64). There
-- the text that the first plan leaves, or that has not got what it was planned for, is offered pages of such a run,
-- if a source has some to give. It is an offer: where it comes to nothing, nothing has failed.

local hosts = require "tiexec.harness.hosts"
local ranges = require "tiexec.base.ranges"
local sources = require "tiexec.sources"
local strategy = require "tiexec.plan.strategy"

local smaller = {}

--- Describes the host with these smaller pages, and names the sources that have some.
-- @tparam Host host
-- @tparam table names of sources
-- @treturn[1] Host
-- @treturn[1] table names
-- @treturn[2] nil there are none to be had
function smaller.host(host, names)
    local its, able = hosts.smaller(host), {}
    for _, name in ipairs(its and names or {}) do
        local offers = sources.get(name).offers
        if offers and offers(its) then able[#able + 1] = name end
    end
    if #able > 0 then return its, able end
end

local function copy_of(list, changes)
    local result = {}
    for key, value in pairs(list) do result[key] = value end
    for key, value in pairs(changes) do result[key] = value end
    return result
end

-- Adds a mapping to a list, cut where a range begins or ends. The parts within a range are settled.
local function add_cut(list, mapping, done)
    local at = mapping.start
    local function add(stop, kind)
        if at < stop then
            list[#list + 1] = copy_of(mapping, { start = at, stop = stop, kind = kind or mapping.kind,
                offset = mapping.offset and mapping.offset + at - mapping.start })
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

-- The description of what lies beside some ranges, which are in order. Objects have the same mappings as the whole.
local function beside(description, done)
    local result, objects = copy_of(description, { mappings = {}, objects = {} }), {}
    for i, object in ipairs(description.objects or {}) do
        objects[object] = copy_of(object, { mappings = {} })
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

local function among(names, wanted)
    local list = {}
    for _, name in ipairs(wanted or names) do
        for _, able in ipairs(names) do
            if able == name then list[#list + 1] = name end
        end
    end
    return list
end

--- Makes the second plan.
-- @tparam Description description
-- @tparam Chosen chosen
-- @tparam table done ranges that are to be left alone
-- @treturn table list of Operation, maybe empty: all are remaps, with a `page_size` and `sources`, and `optional`
function smaller.plan(description, chosen, done)
    local host, able = smaller.host(chosen.host, chosen.names)
    if not host then return {} end
    local in_order = table.move(done, 1, #done, 1, {})
    table.sort(in_order, function(a, b) return a.start < b.start end)
    local operations = strategy.make_plan(chosen.definition, beside(description, in_order), host, { sources = able })
    local result = {}
    for _, operation in ipairs(operations or {}) do
        local its_sources = among(able, operation.sources)
        if operation.op == "remap" and not operation.page_size and #its_sources > 0 then
            operation.page_size, operation.sources = host.huge_page_size, its_sources
            operation.optional = true
            result[#result + 1] = operation
        end
    end
    return result
end

--- Joins both plans into one list, in order of address, to be shown. What the first plan keeps, and the second does
-- not, is kept no more.
function smaller.joined(first, second)
    if #second == 0 then return first end
    local result = {}
    for _, operation in ipairs(first) do
        if operation.op == "remap" or not ranges.overlaps_any(operation, second) then
            result[#result + 1] = operation
        end
    end
    table.move(second, 1, #second, #result + 1, result)
    table.sort(result, function(a, b) return a.start < b.start end)
    return result
end

return smaller
