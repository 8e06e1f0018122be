-- SPDX-License-Identifier: Apache-2.0
--- Writes what a comparison has found as JSON, with the values of all runs.

local json = require "tiexec.show.json"

local plain = {}

local function comparison(found)
    return { pairs = found.pairs, ratio = found.ratio, low = found.low, high = found.high,
        verdict = found.verdict, ratios = found.ratios }
end

local function quantity(found)
    local against = json.object {}
    for baseline, ways in pairs(found.against) do
        against[baseline] = json.object {}
        for way, one in pairs(ways) do against[baseline][way] = comparison(one) end
    end
    return { medians = found.medians, against = against }
end

local function way(one)
    return { name = one.name, coverage = one.coverage, argv = json.array(one.task.argv),
        variables = json.array(one.task.variables) }
end

--- Writes a result to standard output.
-- @tparam CompareResult result
-- @string command what was run
-- @treturn[1] boolean true
-- @treturn[2] nil, string why it could not be written
function plain.write(result, command)
    local quantities, ways = {}, {}
    for _, found in ipairs(result.quantities) do
        quantities[found.quantity.name] = quantity(found)
    end
    for i, one in ipairs(result.ways) do ways[i] = way(one) end
    return json.write(io.stdout, { command = command, pairs = result.pairs,
        seconds = result.seconds, interrupted = result.interrupted, ways = ways,
        baselines = json.array(result.baselines), quantities = quantities, rounds = result.rounds,
        copies = result.copies and { files = result.copies.count, bytes = result.copies.bytes },
        notes = json.array(result.notes), wrong = json.array(result.wrong) })
end

return plain
