-- SPDX-License-Identifier: Apache-2.0
--- `--compare --attach PID` measures what huge pages do for a process that runs: its text is put on
-- huge pages and back again and again, in pairs of blocks of which either may come first.

local core = require "tiexec.core"
local exit = require "tiexec.base.exit"
local message = require "tiexec.base.message"
local observed = require "tiexec.harness.observed"
local progress = require "tiexec.compare.progress"
local quiet = require "tiexec.compare.quiet"
local statistics = require "tiexec.compare.statistics"
local switching = require "tiexec.compare.switching"

local live = {}

local PAIRS <const>, BLOCKS <const> = 10, 60 -- pairs at least; of the time that there is
local SHORTEST_BLOCK <const>, LONGEST_BLOCK <const> = 0.5, 5 -- seconds
local WARM_UP <const> = 0.2 -- the part of a block that is not measured
local KEPT <const> = 0.1 -- the part of the huge text that may stay huge when it is undone

-- How many pairs of blocks there are, and the seconds of each block. What changes the pace of a
-- host lasts for long: ratios of blocks of a tenth of a second vary no more than those of two
-- seconds. So many short ones tell more than few long ones, unless the metric is slow.
local function divide(seconds)
    local block = math.max(SHORTEST_BLOCK, math.min(seconds / BLOCKS, LONGEST_BLOCK))
    local pairs_of_blocks = math.max(PAIRS, math.floor(seconds / 2 / block))
    return pairs_of_blocks, seconds / 2 / pairs_of_blocks
end

-- Measures one block. Gives nil if a signal has ended it, or nil and why it could not be measured.
local function run_block(job, state, seconds)
    local started, said = core.now(), ""
    if job.state ~= state then
        local words, wrong = switching.switch(job.pid, state, job.options)
        if not words then return nil, wrong end
        job.state, said = state, words
    end
    if core.pause_or_end(math.floor(WARM_UP * seconds * 1000)) then return nil end
    local huge, why = switching.huge_text(job.pid)
    local before, after
    if huge then before, why = switching.read(job.pid, job.metric) end
    if not before then return nil, why end
    local left = math.max(started + seconds - core.now(), seconds / 4)
    if core.pause_or_end(math.floor(left * 1000)) then return nil end
    after, why = switching.read(job.pid, job.metric)
    if not after then return nil, why end
    return { state = state, huge = huge, before = before, after = after, said = said }
end

-- Measures pair after pair. Gives the list; and why it has ended early, if it has.
local function run_pairs(job, bar)
    local list, count, seconds = {}, divide(job.seconds)
    local started = core.now()
    for _ = 1, count do
        local pair, first = {}, math.random(2)
        for _, state in ipairs(first == 1 and { "huge", "small" } or { "small", "huge" }) do
            bar:say(("%d of %d pairs of blocks, %.0f of %d s (^C ends it early)"):format(#list,
                count, core.now() - started, job.seconds))
            local block, why = run_block(job, state, seconds)
            if not block then return list, why or "a signal has ended it" end
            pair[state] = block
        end
        list[#list + 1] = pair
    end
    return list
end

-- ---- what it comes to ---------------------------------------------------------------------------

-- Whether the metric counts something: then it never becomes smaller. Else it is a level.
local function is_counter(list)
    local marks = {}
    for _, pair in ipairs(list) do
        for _, block in pairs(pair) do
            marks[#marks + 1] = block.before
            marks[#marks + 1] = block.after
        end
    end
    table.sort(marks, function(a, b) return a.at < b.at end)
    for i = 2, #marks do
        if marks[i].metric < marks[i - 1].metric then return false end
    end
    return #marks > 0 and marks[#marks].metric > marks[1].metric
end

local function difference(block, key) return block.after[key] - block.before[key] end

local function per_second(key)
    return function(block) return difference(block, key) / difference(block, "at") end
end

-- The quantities of a block: `name`, `of`, and whether less of it is better.
local function quantities_of(job, list)
    local result = { { name = "CPU time per second", of = per_second("cpu"), unit = "time",
        is_less_better = true } }
    if job.metric and is_counter(list) then
        result[#result + 1] = { name = "metric per second", of = per_second("metric") }
        result[#result + 1] = { name = "CPU time per unit", unit = "time", is_less_better = true,
            of = function(block)
                return difference(block, "cpu") / math.max(difference(block, "metric"), 1e-9)
            end }
    elseif job.metric then
        result[#result + 1] = { name = "metric", is_less_better = true,
            of = function(block) return block.after.metric end }
    end
    result[#result + 1] = { name = "page faults per second", of = per_second("faults") }
    return result
end

local function judge(list, quantity)
    local small, huge = {}, {}
    for i, pair in ipairs(list) do
        small[i], huge[i] = quantity.of(pair.small), quantity.of(pair.huge)
    end
    return { quantity = quantity, small = statistics.median(small),
        huge = statistics.median(huge), comparison = statistics.compare(small, huge) }
end

-- Says what makes the figures doubtful.
local function look_at(result, list)
    local huge, kept, said = math.huge, 0, {}
    for _, pair in ipairs(list) do
        huge, kept = math.min(huge, pair.huge.huge), math.max(kept, pair.small.huge)
        said[pair.huge.said] = true
    end
    said[""] = nil
    for words in pairs(said) do table.insert(result.notes, words) end
    if huge == 0 then
        table.insert(result.notes, "no text was on huge pages: there is nothing to compare")
    elseif kept > KEPT * huge then
        table.insert(result.notes, ("%.0f %% of the huge text stayed huge when it was undone: "
            .. "it is huge in the page cache"):format(100 * kept / huge))
    end
    if #list < PAIRS then
        table.insert(result.notes, ("%d pairs are few"):format(#list))
    end
    result.huge, result.kept = huge, kept
end

-- Which state is better, by the last quantity that says so: the CPU time per unit, or the metric,
-- or the CPU time. nil: neither.
local function better(result)
    local found
    for _, one in ipairs(result.quantities) do
        if one.quantity.is_less_better then found = one.comparison end
    end
    if not found or found.verdict == "same" or found.verdict == "unknown" then return nil end
    return found.verdict == "less" and "huge" or "small"
end

-- As what the process was before: text may be huge in the page cache, whatever is done to it.
local function state_before(job, result)
    if job.was == 0 then return "small" end
    if not result or result.huge <= result.kept then return "huge" end
    return job.was > (result.huge + result.kept) / 2 and "huge" or "small"
end

-- Leaves the process as it was, or as was better.
local function settle(job, result)
    local state = job.keep_best and result and better(result) or state_before(job, result)
    local said, why = switching.switch(job.pid, state, job.options)
    return state, not said and why or nil
end

-- Measures and judges. Gives the result; or nil and why there is none.
local function measure(job)
    local bar, before, started = progress.open(), quiet.now(), core.now()
    local list, why = run_pairs(job, bar)
    bar:close()
    if #list == 0 then return nil, why end
    local result = { pairs = #list, blocks = list, seconds = core.now() - started, quantities = {},
        notes = {} }
    if why then result.notes[1] = "ended early: " .. why end
    for i, quantity in ipairs(quantities_of(job, list)) do
        result.quantities[i] = judge(list, quantity)
    end
    look_at(result, list)
    local used = list[#list].huge.after.cpu - list[1].huge.before.cpu
    for _, complaint in ipairs(quiet.complaints(before, quiet.now(), math.abs(used))) do
        table.insert(result.notes, complaint)
    end
    return result
end

-- A process that has ended, collected by its parent or not, needs no more.
local function is_gone(pid) return observed.open(pid) == nil end

--- Runs `--compare --attach PID`.
-- @tparam table job `pid`; `options`, those of tiexec; `seconds`; `metric`, a command; `keep_best`;
-- `json`
-- @treturn int exit status: 0, or 125
function live.run(job)
    core.open_late(core)
    local process, why = observed.open(job.pid)
    local huge
    if process then huge, why = switching.huge_text(job.pid) end
    if not huge then
        message.say("process %d: %s", job.pid, why)
        return exit.FAILED
    end
    job.was = huge
    local result
    result, why = measure(job)
    if not is_gone(job.pid) then
        local state, failed = settle(job, result)
        if result then result.left = state end
        if failed then message.say("process %d: %s", job.pid, failed) end
    end
    if not result then
        message.say("--compare: process %d: %s", job.pid, (why:gsub("^process %d+: ", "")))
        return exit.FAILED
    end
    local ok
    ok, why = require "tiexec.compare.live_table".show(result, job)
    if ok then return 0 end
    message.say("--compare: %s", why)
    return exit.FAILED
end

return live
