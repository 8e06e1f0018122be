-- SPDX-License-Identifier: Apache-2.0
--- Perf maps. Anonymous memory belongs to no file; so perf looks for the names of functions there
-- in /tmp/perf-PID.map. JIT compilers began this convention.

local core = require "tiexec.core"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"
local sources = require "tiexec.sources"
local targets = require "tiexec.harness.targets"

local perf_map = {}

-- Adds the texts that a range has a copy of, with the paths at which their symbols can be read.
-- Returns the path of a text whose file is gone, or nil.
local function add_texts(texts, target, mappings, range)
    local lost
    for _, m in ipairs(mappings) do
        if ranges.overlap(m, range) and m.object and protection.is_executable(m.perms) then
            local path = target.file(m)
            local start, stop = ranges.common(m, range)
            if path then
                texts[#texts + 1] = { path = path, start = start, stop = stop,
                    bias = m.object.bias }
            else
                lost = m.path
            end
        end
    end
    return lost
end

--- Writes the perf map of an inferior, with the functions whose text was copied into anonymous
-- memory.
-- @tparam Inferior inferior
-- @tparam Outcome outcome whose description is from before the remapping
-- @treturn[1] boolean true; also where nothing was copied
-- @treturn[2] nil, string why some or all functions are missing
function perf_map.write(inferior, outcome)
    local texts, target, lost = {}, targets.of(inferior), nil
    for _, result in ipairs(outcome.results) do
        if result.source and sources.get(result.source).anonymous then
            lost = add_texts(texts, target, outcome.description.mappings, result) or lost
        end
    end
    if #texts > 0 then
        -- A map that is there at the entry point belongs to an earlier process with this id.
        local append = outcome.stage ~= "entry"
        local path, why = core.perf_map(outcome.pid, texts, append)
        if not path then return nil, "perf map: " .. why end
    end
    if lost then return nil, ("perf map: %s has been replaced or cannot be read"):format(lost) end
    return true
end

return perf_map
