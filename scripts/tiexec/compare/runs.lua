-- SPDX-License-Identifier: Apache-2.0
--- Runs what is compared: each way of starting CMD once to warm up, and then round after round, in
-- each of which every way comes once, in random order.

local core = require "tiexec.core"

local runs = {}

local PROGRAM <const> = "/proc/self/exe" -- this program, as the child has it before it execs

local PAIRS <const> = 10 -- rounds at least
local LONGEST <const> = 2 -- times the seconds that were asked for, if there are few rounds

--- Gives the task of a way of starting CMD without tiexec.
-- @tparam table command `path` and `argv`
-- @tparam ?table stand_ins copies by the paths of files
-- @treturn table as core.measure takes it
function runs.plain_task(command, stand_ins)
    return { path = command.path, argv = command.argv, variables = {}, stand_ins = stand_ins or {} }
end

--- Gives the task of a way of starting CMD with a set of options.
-- @tparam table command `path` and `argv`
-- @tparam OptionSet set
-- @string[opt] report a file for `--report`
-- @treturn table as core.measure takes it
function runs.task_of(command, set, report)
    if set.is_plain then
        local task = runs.plain_task(command)
        task.variables = set.variables
        return task
    end
    local argv = table.move(set.options, 1, #set.options, 2, { "tiexec" })
    if report then argv[#argv + 1] = "--report=" .. report end
    argv[#argv + 1] = "--"
    table.move(command.argv, 1, #command.argv, #argv + 1, argv)
    return { path = PROGRAM, argv = argv, variables = set.variables, stand_ins = {} }
end

-- Puts a list into random order.
local function shuffle(list)
    for i = #list, 2, -1 do
        local j = math.random(i)
        list[i], list[j] = list[j], list[i]
    end
    return list
end

-- Runs each way once. Gives the runs by the names of the ways; nil if a signal has ended it.
local function run_round(ways)
    local round, order = {}, {}
    for i = 1, #ways do order[i] = i end
    for place, i in ipairs(shuffle(order)) do
        local way = ways[i]
        local run, why = core.measure(way.task)
        if not run then return nil, why end
        if run.interrupted then return nil end
        run.place = place
        round[way.name] = run
    end
    return round
end

-- Whether there is to be one round more, after `seconds` and so many rounds.
local function goes_on(count, seconds, asked)
    local next_end = seconds + (count > 0 and seconds / count or 0)
    if count < PAIRS then return next_end <= LONGEST * asked or count == 0 end
    return next_end <= asked
end

--- Runs the rounds.
-- @tparam table ways list of `name` and `task`
-- @number seconds how long to go on
-- @func progress is called before each round, with the rounds so far and the seconds
-- @treturn[1] table list of rounds: each has the runs, as core.measure gives them, by the names of
-- the ways, and with its `place` in the order
-- @treturn[1] boolean whether a signal has ended it early
-- @treturn[2] nil, string why a run could not be made
function runs.all(ways, seconds, progress)
    local rounds, start = {}, core.now()
    while true do
        local spent = core.now() - start
        if not goes_on(#rounds, spent, seconds) then return rounds, false end
        progress(rounds, spent)
        local round, why = run_round(ways)
        if why then return nil, why end
        if not round then return rounds, true end
        rounds[#rounds + 1] = round
    end
end

runs.PAIRS = PAIRS

return runs
