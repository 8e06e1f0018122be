-- SPDX-License-Identifier: Apache-2.0
--- Names for profilers. Anonymous copies belong to no file, so perf looks for their functions in
-- /tmp/perf-PID.map, by a convention of JIT compilers.

local core = require "tiexec.core"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"
local sources = require "tiexec.sources"
local targets = require "tiexec.harness.targets"

local perf_map = {}

-- The parts of one range that were text of an object, and by which path its symbols can be read.
local function add_texts(texts, target, mappings, range)
    local lost
    for _, m in ipairs(mappings) do
        if ranges.overlap(m, range) and m.object and protection.is_executable(m.perms) then
            local path = target.file(m)
            local start, stop = ranges.common(m, range)
            if path then
                texts[#texts + 1] = { path = path, start = start, stop = stop, bias = m.object.bias }
            else
                lost = m.path
            end
        end
    end
    return lost
end

--- Writes the functions of what was copied into anonymous memory, if anything was.
-- @param inferior
-- @tparam Outcome outcome its description is from before the remapping
-- @treturn[1] boolean true
-- @treturn[2] nil, string why not, or not all of them
function perf_map.write(inferior, outcome)
    local texts, target, lost = {}, targets.of(inferior), nil
    for _, result in ipairs(outcome.results) do
        if result.source and sources.get(result.source).anonymous then
            lost = add_texts(texts, target, outcome.description.mappings, result) or lost
        end
    end
    if #texts > 0 then
        -- at the entry point it cannot be the program that has made one
        local name, why = core.perf_map(outcome.pid, texts, outcome.stage ~= "entry")
        if not name then return nil, "perf map: " .. why end
    end
    if lost then return nil, ("perf map: %s has been replaced or cannot be read"):format(lost) end
    return true
end

return perf_map
