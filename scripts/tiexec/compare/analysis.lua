-- SPDX-License-Identifier: Apache-2.0
--- Makes of the rounds what can be said of them. All functions are pure.

local statistics = require "tiexec.compare.statistics"

local analysis = {}

--- The quantities that a run has, in the order in which they are shown. `is_main`: the ratios to
-- the baselines are shown.
analysis.quantities = {
    { name = "CPU time", unit = "time", is_main = true,
        of = function(run) return run.user + run.system end },
    { name = "elapsed time", unit = "time", is_main = true,
        of = function(run) return run.wall end },
    { name = "user", unit = "time", of = function(run) return run.user end },
    { name = "system", unit = "time", of = function(run) return run.system end },
    { name = "page faults", unit = "count", of = function(run) return run.faults end },
    { name = "switches", unit = "count", of = function(run) return run.switches end },
    { name = "peak memory", unit = "bytes", of = function(run) return run.peak end },
}

local counters <const> = { "instructions", "cycles", "iTLB misses", "dTLB misses" }

for _, name in ipairs(counters) do
    table.insert(analysis.quantities, { name = name, unit = "large count", is_counter = true,
        of = function(run) return run.counters[name] and run.counters[name].count end })
end

-- The values of a quantity of one way in all rounds; nil: a run has none.
local function values_of(rounds, way, quantity)
    local list = {}
    for i, round in ipairs(rounds) do
        list[i] = quantity.of(round[way])
        if not list[i] then return nil end
    end
    return list
end

-- Compares each way with each baseline, by one quantity. Gives a QuantityResult, or nil if the host
-- does not measure that.
local function judge(rounds, ways, baselines, quantity)
    local result, values = { quantity = quantity, medians = {}, against = {} }, {}
    for _, way in ipairs(ways) do
        values[way.name] = values_of(rounds, way.name, quantity)
        if not values[way.name] then return nil end
        result.medians[way.name] = statistics.median(values[way.name])
    end
    for i, baseline in ipairs(baselines) do
        result.against[baseline] = {}
        for j, way in ipairs(ways) do
            if j > i then
                result.against[baseline][way.name] =
                    statistics.compare(values[baseline], values[way.name])
            end
        end
    end
    result.values = values
    return result
end

-- Whether all runs of a way agree in standard output and exit status.
local function agreement(rounds, way)
    local first = rounds[1][way]
    for _, round in ipairs(rounds) do
        local run = round[way]
        if run.output ~= first.output or run.output_size ~= first.output_size then
            return nil, "standard output"
        end
        if run.status ~= first.status then return nil, "the exit status" end
    end
    return first
end

-- Says where runs differ in what they print, or in how they end: `wrong`, list of strings, if
-- tiexec can be why; `notes`, list of others.
local function look_at_ends(rounds, ways, baselines, result)
    local plain, what = agreement(rounds, baselines[1])
    if not plain then
        result.notes[#result.notes + 1] =
            what .. " differs from run to run without tiexec, too, so it was not compared"
        return
    end
    if plain.status ~= 0 then
        result.notes[#result.notes + 1] =
            ("the exit status is %d, without tiexec, too"):format(plain.status)
    end
    for i = #baselines + 1, #ways do
        local name = ways[i].name
        local run, differs = agreement(rounds, name)
        if run and run.status ~= plain.status then differs = "the exit status" end
        if run and run.output ~= plain.output then differs = "standard output" end
        if differs then
            result.wrong[#result.wrong + 1] =
                ("%s: %s is not the same as without tiexec"):format(name, differs)
        end
    end
end

-- Says what makes the figures doubtful.
local function look_at_figures(result, wanted)
    local notes, cpu = result.notes, result.quantities[1]
    if result.pairs < wanted then
        notes[#notes + 1] = ("these are few pairs; %d would be better: --seconds %d"):format(
            wanted, math.ceil(wanted * result.seconds / result.pairs))
    end
    local baseline = result.baselines[1]
    local pace = statistics.pace(cpu.values[baseline])
    if pace then
        notes[#notes + 1] = ("the host's pace changed: in the second half of the time runs took "
            .. "%.2f times the CPU time of the first"):format(pace)
    end
    for _, way in ipairs(result.ways) do
        local found = cpu.against[baseline][way.name]
        local far = found and statistics.far(found.ratios) or {}
        if #far > 0 then
            notes[#notes + 1] = ("%s: %d of %d pairs lie%s far from the others; they count like "
                .. "any"):format(way.name, #far, found.pairs, #far == 1 and "s" or "")
        end
    end
end

--- Judges the rounds.
-- @tparam table rounds list of at least one, as runs.all gives them
-- @tparam table ways list with `name` of each way, the baselines first
-- @tparam table baselines list of the baselines' names
-- @tparam table about `seconds` that the rounds took, and `wanted`, the pairs that are not few
-- @treturn CompareResult
function analysis.judge(rounds, ways, baselines, about)
    local result = { pairs = #rounds, seconds = about.seconds, ways = ways, baselines = baselines,
        quantities = {}, notes = {}, wrong = {} }
    for _, quantity in ipairs(analysis.quantities) do
        result.quantities[#result.quantities + 1] = judge(rounds, ways, baselines, quantity)
    end
    look_at_ends(rounds, ways, baselines, result)
    look_at_figures(result, about.wanted)
    return result
end

return analysis
