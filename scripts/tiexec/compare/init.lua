-- SPDX-License-Identifier: Apache-2.0
--- `--compare` measures what tiexec does for a command: it runs the command without tiexec and with
-- it, time and again, and tells the difference with bounds.

local analysis = require "tiexec.compare.analysis"
local core = require "tiexec.core"
local copies = require "tiexec.compare.copies"
local exit = require "tiexec.base.exit"
local message = require "tiexec.base.message"
local progress = require "tiexec.compare.progress"
local quiet = require "tiexec.compare.quiet"
local runs = require "tiexec.compare.runs"
local warming = require "tiexec.compare.warming"

local c = core.constants
local compare = {}

local SECONDS <const> = 20 -- unless others are asked for

-- Finds CMD. Returns nil and the exit status if there is none.
local function find(argv)
    local path, why, errno = core.find(argv[1])
    if path then return { path = path, argv = argv } end
    message.say("%s", why)
    return nil, errno == c.ENOENT and exit.NOT_FOUND or exit.CANNOT_EXECUTE
end

-- Makes the ways of starting CMD, the baselines first. `copied` is a Copies, or nil.
local function ways_of(command, sets, copied)
    local ways, baselines = {}, {}
    if copied then
        baselines[1] = "plain"
        ways[1] = { name = "plain", task = runs.plain_task(command, copied.stand_ins) }
    end
    baselines[#baselines + 1] = "warm"
    ways[#ways + 1] = { name = "warm", task = runs.plain_task(command) }
    for _, set in ipairs(sets) do
        ways[#ways + 1] = { name = set.name, task = runs.task_of(command, set),
            coverage = set.coverage, is_plain = set.is_plain }
    end
    return ways, baselines
end

-- Seconds of processor time that all runs have used.
local function used(rounds)
    local sum = 0
    for _, round in ipairs(rounds) do
        for _, run in pairs(round) do sum = sum + run.user + run.system end
    end
    return sum
end

-- Measures, and judges what was measured. Gives a CompareResult; or nil and why there is none.
local function measure(command, sets, copied, seconds)
    local ways, baselines = ways_of(command, sets, copied)
    local before, start, bar = quiet.now(), core.now(), progress.open()
    local rounds, interrupted = runs.all(ways, seconds, function(rounds, spent)
        bar:show(rounds, spent, seconds)
    end)
    bar:close()
    if not rounds then return nil, interrupted end
    if #rounds == 0 then return nil, "ended before the first round was complete" end
    local result = analysis.judge(rounds, ways, baselines,
        { seconds = core.now() - start, wanted = runs.PAIRS })
    result.rounds, result.copies, result.interrupted = rounds, copied, interrupted
    for _, complaint in ipairs(quiet.complaints(before, quiet.now(), used(rounds))) do
        table.insert(result.notes, complaint)
    end
    return result
end

-- Warms up, makes the copies, and measures.
local function run(command, sets, seconds)
    local warm, why = warming.run(command, sets)
    if not warm then return nil, why end
    local copied
    copied, why = copies.make(command.path, warm.reports)
    if copied then
        local tried
        tried, why = warming.try(runs.plain_task(command, copied.stand_ins))
        if not tried then copied = copied.scratch:close() end
    end
    local _removed <close> = copied and copied.scratch
    if warming.is_interrupted() then return nil, "ended before the first round" end
    local result, wrong = measure(command, sets, copied, seconds)
    if not result then return nil, wrong end
    if not copied then
        table.insert(result.notes, "there is no plain baseline, from copies that were never huge: "
            .. why)
    end
    for _, note in ipairs(warm.notes) do table.insert(result.notes, 1, note) end
    return result
end

--- Runs `--compare`.
-- @tparam table argv CMD and its arguments
-- @tparam table sets list of OptionSet
-- @tparam table options `seconds`, for how long; `json`
-- @treturn int exit status: 0; 1 CMD has not done the same with tiexec; 125, 126 and 127 as
-- base/exit.lua has them
function compare.run(argv, sets, options)
    local command, status = find(argv)
    if not command then return status end
    core.open_late(core)
    local result, why = run(command, sets, options.seconds or SECONDS)
    if not result then
        message.say("--compare: %s", why)
        return exit.FAILED
    end
    local shown = table.concat(argv, " ")
    local ok
    if options.json then
        ok, why = require "tiexec.compare.plain".write(result, shown)
    else
        ok, why = require "tiexec.compare.table".show(result, shown)
    end
    if ok then return #result.wrong > 0 and exit.INCOMPLETE or 0 end
    message.say("--compare: %s", why)
    return exit.FAILED
end

return compare
