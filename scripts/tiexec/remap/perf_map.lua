-- SPDX-License-Identifier: Apache-2.0
--- Names for profilers. Anonymous copies belong to no file, so perf looks for their functions in
-- /tmp/perf-PID.map, by a convention of JIT compilers.

local core = require "tiexec.core"
local process = require "tiexec.harness.target"
local sources = require "tiexec.sources"

local perf_map = {}

-- The parts of one range that were text of an object, and by which path its symbols can be read.
local function add_texts(texts, target, mappings, range)
    local lost
    for _, m in ipairs(mappings) do
        local start, stop = math.max(m.start, range.start), math.min(m.stop, range.stop)
        if start < stop and m.object and m.perms:sub(3, 3) == "x" then
            local path = target.file(m)
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
-- @tparam table outcome `view`, from before the remapping, and `results`
-- @treturn[1] boolean true
-- @treturn[2] nil, string why not, or not all of them
function perf_map.write(inferior, outcome)
    local texts, target, lost = {}, process.of(inferior), nil
    for _, result in ipairs(outcome.results) do
        if result.source and sources.get(result.source).anonymous then
            lost = add_texts(texts, target, outcome.view.mappings, result) or lost
        end
    end
    if #texts > 0 then
        -- at the entry point it cannot be the program that has made one
        local name, why = core.perf_map(outcome.view.pid, texts, outcome.view.stage ~= "entry")
        if not name then return nil, "perf map: " .. why end
    end
    if lost then return nil, ("perf map: %s has been replaced or cannot be read"):format(lost) end
    return true
end

return perf_map
