-- SPDX-License-Identifier: Apache-2.0
--- Reads what `go tool pprof -raw FILE` (or `pprof -raw`) prints of a profile: samples with the
-- numbers of locations, the innermost first; locations with their addresses and mappings; and the
-- mappings with their files.

local resolving = require "tiexec.record.resolving"

local pprof = {}

--- Whether a text begins as such a profile does.
-- @string words
-- @treturn boolean
function pprof.is_one(words) return words:find("^PeriodType:") ~= nil end

-- Functions that read a line of a section, by the section's heading.
local read = {}

-- The first of the values is the number of samples.
function read.Samples(found, line)
    local values, locations = line:match("^%s*([%d%s]+):([%d%s]+)$")
    local count, location = values and values:match("%d+"), locations and locations:match("%d+")
    if count and location then
        found.samples[#found.samples + 1] = { count = math.tointeger(tonumber(count)) or 0,
            location = location }
    end
end

function read.Locations(found, line)
    local id, address, mapping = line:match("^%s*(%d+): 0x(%x+) M=(%d+)")
    if id then found.locations[id] = { address = tonumber(address, 16), mapping = mapping } end
end

function read.Mappings(found, line)
    local id, start, stop, offset, path = line:match("^(%d+): 0x(%x+)/0x(%x+)/0x(%x+) (%S+)")
    if not id then return end
    found.executable = found.executable or path
    found.mappings[id] = { start = tonumber(start, 16), stop = tonumber(stop, 16),
        offset = tonumber(offset, 16), path = path }
end

local function parse(words)
    local found = { samples = {}, locations = {}, mappings = {} }
    local section
    for line in words:gmatch("[^\n]+") do
        local heading = line:match("^(%u%l+):?$")
        if heading then
            section = read[heading]
        elseif section then
            section(found, line)
        end
    end
    return found
end

--- Reads the text.
-- @string words
-- @treturn[1] Resolver with the samples
-- @treturn[2] nil, string why it cannot be read
function pprof.read(words)
    local found, resolver = parse(words), resolving.new()
    if not found.executable then return nil, "it has no mappings, as pprof -raw prints them" end
    for _, sample in ipairs(found.samples) do
        local location = found.locations[sample.location] or { address = 0 }
        local map = found.mappings[location.mapping]
        local pc = location.address
        local is_inside = map and map.start <= pc and pc < map.stop
        resolver:at(found.executable, is_inside and map.path or resolving.NOWHERE,
            is_inside and pc - map.start + map.offset or nil, sample.count)
    end
    if resolver.samples == 0 then return nil, "it has no samples, as pprof -raw prints them" end
    return resolver
end

return pprof
