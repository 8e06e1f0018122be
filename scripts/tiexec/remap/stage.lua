-- SPDX-License-Identifier: Apache-2.0
--- The work at one stage: an inferior is described, a plan is made and carried out, and what came of it is told.

local choice = require "tiexec.plan.choice"
local core = require "tiexec.core"
local debug_lines = require "tiexec.show.debug"
local descriptions = require "tiexec.plan.descriptions"
local executor = require "tiexec.remap.executor"
local plan = require "tiexec.plan"
local ranges = require "tiexec.base.ranges"
local smaller = require "tiexec.plan.smaller"
local targets = require "tiexec.harness.targets"

local stage = {}

local STOP_MS <const> = 2000

-- To a strategy the text of objects that are not in question is no text any more.
local function settle_others(description, is_new)
    for _, mapping in ipairs(description.mappings) do
        if mapping.kind == "text" and not is_new(mapping.object) then mapping.kind = "settled" end
    end
end

-- What is huge already is left alone, whoever made it so. Gives the operations for the rest, and those for that.
local function without_huge(inferior, operations)
    local target, rest, huge = targets.of(inferior), {}, {}
    for _, operation in ipairs(operations) do
        local pages = target.pages(operation.start, operation.stop)
        local is_huge = pages.file_huge + pages.anon_huge >= operation.stop - operation.start
        table.insert(is_huge and operation.op == "remap" and huge or rest, operation)
    end
    return rest, huge
end

-- Describes the inferior and plans for it: an outcome whose results are yet to come.
local function prepare(inferior, name, chosen, job)
    local description, why = descriptions.of(inferior, job.stage)
    if not description then return nil, why end
    if job.is_new then settle_others(description, job.is_new) end
    choice.prepare(chosen)
    if chosen.host.huge_page_size == 0 then return nil, "this kernel has no huge pages" end
    local operations, refused, second = plan.make(description, chosen)
    if not operations then return nil, refused end
    local done = {}
    if job.stage == "attach" then operations, done = without_huge(inferior, operations) end
    return { name = name, pid = description.pid, stage = job.stage, executable = chosen.executable,
        host = chosen.host, description = description, is_new = job.is_new,
        strategy = chosen.definition.name, sources = chosen.names, profile = chosen.profile,
        operations = operations, refused = refused, second = second, done = done, results = {},
        dry = chosen["dry-run"] }
end

-- The reasons of the sources that were tried. Sources with the same reason are named together.
local function tried_text(tried)
    local words, i = {}, 1
    while tried[i] do
        local names, why = tried[i].source, tried[i].why
        while tried[i + 1] and tried[i + 1].why == why do
            i = i + 1
            names = names .. ", " .. tried[i].source
        end
        words[#words + 1] = ("%s: %s"):format(names, why)
        i = i + 1
    end
    return table.concat(words, "; ")
end

-- One line for all that went wrong with single ranges; the table of -v tells of each range.
local function complaint_of(outcome)
    local refused, failed, why = outcome.refused[1], 0, nil
    for _, result in ipairs(outcome.results) do
        if not result.source and not result.kept then
            failed = failed + 1
            why = why or tried_text(result.tried)
        end
    end
    if refused then return ("%s of the plan was refused: %s"):format(refused.name, refused.reason) end
    if failed > 0 then
        return ("%d of %d ranges stay on small pages: %s"):format(failed, #outcome.results, why)
    end
end

local function served(results)
    local list = {}
    for _, result in ipairs(results) do
        if result.source then list[#list + 1] = result end
    end
    return list
end

-- A range that got smaller pages in place of those that it was planned for has not failed.
local function excuse(results, more)
    local instead = served(more)
    for _, result in ipairs(results) do
        if not result.source and ranges.overlaps_any(result, instead) then
            result.kept = result.kept or "smaller pages instead"
        end
    end
end

-- Carries out the plan, and then the second plan for what is left.
local function execute(inferior, outcome, chosen)
    local definition = chosen.definition
    local options = { trace = debug_lines.syscall_trace(chosen), recache = definition.recache,
        copied_ends = definition.copied_ends, host = chosen.host, perf_map = chosen["perf-map"] }
    outcome.results = executor.run(inferior, outcome.operations, chosen.names, options)
    local done = served(outcome.results)
    local second = outcome.second(table.move(outcome.done, 1, #outcome.done, #done + 1, done))
    if #second == 0 then return end
    local more = executor.run(inferior, second, chosen.names, options)
    excuse(outcome.results, more)
    table.move(more, 1, #more, #outcome.results + 1, outcome.results)
    outcome.operations = smaller.joined(outcome.operations, second)
end

-- For a dry run: the second plan as if all of the first could be had.
local function foresee(outcome)
    local done = {}
    for _, operation in ipairs(outcome.operations) do
        if operation.op == "remap" then done[#done + 1] = operation end
    end
    outcome.operations = smaller.joined(outcome.operations, outcome.second(done))
end

-- Whether anybody wants to see what becomes of each mapping. That takes a look at smaps, twice.
local function wants_report(chosen)
    return chosen.verbose or chosen.report_file or chosen["dry-run"] or chosen.debug.maps or chosen.debug.plan
end

-- Notes a failure that does not undo what was done, unless there is a worse one to tell of.
local function note(outcome, ok, why)
    outcome.complaint = outcome.complaint or not ok and why or nil
end

-- Carries out an outcome's plan, and tells of it.
local function carry_out(inferior, outcome, chosen, started)
    local report = wants_report(chosen) and require "tiexec.show.report".begin(outcome, chosen)
    if outcome.dry then return end
    local planned = core.now()
    execute(inferior, outcome, chosen)
    if chosen.debug.timing then debug_lines.timing(outcome.results, planned - started, core.now() - planned) end
    outcome.complaint = complaint_of(outcome)
    if chosen["perf-map"] then note(outcome, require "tiexec.remap.perf_map".write(inferior, outcome)) end
    if report then note(outcome, report:finish()) end
end

--- Does the work of a stage on an inferior, all of whose threads are stopped for it.
-- @param inferior
-- @string name of the program, for messages
-- @tparam Chosen chosen
-- @tparam table job `stage`: "entry", "dlopen" or "attach"; `is_new(object)`, or nil: whether an object is in
-- question, else all are
-- @treturn[1] Outcome
-- @treturn[2] nil, string why nothing could be done at all
function stage.run(inferior, name, chosen, job)
    local started = core.now()
    if chosen.wrong then return nil, chosen.wrong end
    local ok, why = inferior:interrupt(STOP_MS)
    if not ok then return nil, why end
    local outcome
    outcome, why = prepare(inferior, name, chosen, job)
    if not outcome then return nil, why end
    if outcome.dry then foresee(outcome) end
    carry_out(inferior, outcome, chosen, started)
    return outcome
end

return stage
