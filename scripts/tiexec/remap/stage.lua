-- SPDX-License-Identifier: Apache-2.0
--- The work of one stage on an inferior: describes it, makes a plan, carries the plan out, and
-- reports what has come of it.

local choice = require "tiexec.plan.choice"
local codes = require "tiexec.base.codes"
local core = require "tiexec.core"
local debug_lines = require "tiexec.show.debug"
local descriptions = require "tiexec.plan.descriptions"
local plan = require "tiexec.plan"
local hosts = require "tiexec.harness.hosts"
local message = require "tiexec.base.message"
local ranges = require "tiexec.base.ranges"
local sources = require "tiexec.sources"
local text = require "tiexec.base.text"

-- What only text to remap needs is loaded when there is some: most programs have none.
local stage = {}

local STOP_MS <const> = 2000 -- for all threads to stop
local MUCH_TEXT <const> = 2 << 20 -- bytes

-- Marks text that is not in question as settled, so that strategies leave it alone.
local function settle_others(description, is_new)
    for _, mapping in ipairs(description.mappings) do
        local is_text = mapping.kind == "text"
        if is_text and not is_new(mapping.object, mapping) then mapping.kind = "settled" end
    end
end

-- Takes those remaps out of a plan whose ranges are on huge pages already. Returns the operations
-- that are left, and the others.
local function without_huge(inferior, operations)
    local target, rest, huge = require "tiexec.harness.targets".of(inferior), {}, {}
    for _, operation in ipairs(operations) do
        local pages = target.pages(operation.start, operation.stop)
        local bytes = pages.file_huge + pages.anon_huge
        local is_huge = bytes >= operation.stop - operation.start
        table.insert(is_huge and operation.op == "remap" and huge or rest, operation)
    end
    return rest, huge
end

-- Describes the inferior and makes the plan. Returns an outcome that has no results yet, or nil
-- and a string.
local function prepare(inferior, name, chosen, job)
    local description, why = descriptions.of(inferior, job.stage, job.entry, job.mappings)
    if not description then return nil, why end
    if job.is_new then settle_others(description, job.is_new) end
    choice.prepare(chosen)
    if chosen.host.huge_page_size == 0 then return nil, codes.words("no-huge-pages") end
    local operations, refused, second = plan.make(description, chosen)
    if not operations then return nil, refused end
    if chosen.max_pages then
        operations = require "tiexec.plan.limit".first(operations, chosen.host, chosen.max_pages)
        second = function() return {} end
    end
    local done = {}
    if job.stage == "attach" then operations, done = without_huge(inferior, operations) end
    return { name = name, pid = description.pid, stage = job.stage, executable = chosen.executable,
        host = chosen.host, description = description, is_new = job.is_new,
        strategy = chosen.definition.name, parameters = chosen.parameters,
        sources = chosen.names, profile = chosen.profile,
        operations = operations, refused = refused, second = second, done = done, results = {},
        warnings = {}, quiet = chosen.quiet, dry = chosen["dry-run"] }
end

-- Why each of the sources that were tried has failed, in words. Sources that follow each other
-- with the same reason are named together.
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

-- One line for all ranges that have failed, or nil. The table of `--verbose` has a line for each.
local function complaint_of(outcome)
    local refused, failed, why = outcome.refused[1], 0, nil
    for _, result in ipairs(outcome.results) do
        if not result.source and not result.kept then
            failed = failed + 1
            why = why or tried_text(result.tried)
        end
    end
    if refused then
        return ("%s of the plan was refused: %s"):format(refused.name, refused.reason)
    end
    if failed > 0 then
        return ("%d of %s %s on small pages: %s"):format(failed,
            text.count(#outcome.results, "range"), failed == 1 and "stays" or "stay", why)
    end
end

-- Those of a list of results that a source has served.
local function served(results)
    local list = {}
    for _, result in ipairs(results) do
        if result.source then list[#list + 1] = result end
    end
    return list
end

-- Marks ranges that have got the pages of the second plan instead of the first plan's as kept, so
-- that they do not count as failures.
local function excuse(results, second_results)
    local instead = served(second_results)
    for _, result in ipairs(results) do
        if not result.source and ranges.overlaps_any(result, instead) then
            result.kept = result.kept or codes.words("smaller-instead")
        end
    end
end

local function get_executor() return require "tiexec.remap.executor" end

-- Carries out the operations of one of the plans. `mappings` are the inferior's, if they are known.
local function run(inferior, outcome, operations, chosen, mappings)
    local has_remaps = false
    for _, operation in ipairs(operations) do
        has_remaps = has_remaps or operation.op == "remap"
    end
    if not has_remaps then return {} end
    local definition = chosen.definition
    return get_executor().run(inferior, operations, chosen.names, {
        trace = debug_lines.syscall_trace(chosen), host = chosen.host, mappings = mappings,
        perf_map = chosen["perf-map"], recache = chosen.recache,
        copied_ends = definition.copied_ends,
        warn = function(line) table.insert(outcome.warnings, line) end })
end

-- Adds the second plan to the first one.
local function join(outcome, second)
    if #second == 0 then return end
    local smaller = require "tiexec.plan.smaller"
    outcome.operations = smaller.joined(outcome.operations, second)
end

-- Carries out the first plan, and then the second plan for what is left.
local function execute(inferior, outcome, chosen)
    outcome.results = run(inferior, outcome, outcome.operations, chosen,
        outcome.description.mappings)
    local done = served(outcome.results)
    table.move(outcome.done, 1, #outcome.done, #done + 1, done)
    local second = outcome.second(done)
    if #second == 0 then return end
    local second_results = run(inferior, outcome, second, chosen)
    excuse(outcome.results, second_results)
    table.move(second_results, 1, #second_results, #outcome.results + 1, outcome.results)
    join(outcome, second)
end

-- Adds the second plan, for a dry run. It is the plan that is made if the first one succeeds
-- everywhere.
local function add_second_plan(outcome)
    local done = {}
    for _, operation in ipairs(outcome.operations) do
        if operation.op == "remap" then done[#done + 1] = operation end
    end
    join(outcome, outcome.second(done))
end

--- Tells whether the settings ask for anything that a report shows. A report reads smaps twice.
-- @tparam Chosen chosen
-- @treturn boolean
function stage.wants_report(chosen)
    return (chosen.verbose or chosen.report_file or chosen["dry-run"] or chosen.wants_report
        or chosen.require or chosen.debug.maps or chosen.debug.plan) and true or false
end

-- Notes a failure, unless an earlier one is noted already.
local function note_failure(outcome, ok, why)
    outcome.complaint = outcome.complaint or not ok and why or nil
end

-- Carries out the plan of an outcome, unless it is a dry run.
local function carry_out(inferior, outcome, chosen, started)
    local report = stage.wants_report(chosen)
        and require "tiexec.show.report".begin(outcome, chosen)
    if outcome.dry then return end
    outcome.report = report or nil
    local planned = core.now()
    execute(inferior, outcome, chosen)
    if chosen.debug.timing then
        debug_lines.timing(outcome.results, planned - started, core.now() - planned)
    end
    outcome.complaint = complaint_of(outcome)
    if report then report:complete() end
    if report and chosen.require then
        outcome.unmet = require "tiexec.show.requirement".unmet_by(report.rows, chosen.require)
    end
end

-- The plan that is made of a process as it is now, to see what will be needed; or nil.
local function foresee(process, name, chosen, job)
    local sandbox = require "tiexec.plan.sandbox"
    sandbox.be_quiet(true)
    local outcome = prepare(process, name, chosen, job)
    if outcome then add_second_plan(outcome) end
    sandbox.be_quiet(false)
    return outcome
end

-- Has the sources read what they will need of files.
local function prepare_sources(process, name, chosen, job)
    local outcome = foresee(process, name, chosen, job)
    if not outcome then return end
    local target = require "tiexec.harness.targets".of(process)
    for _, operation in ipairs(outcome.operations) do
        local host = hosts.for_operation(operation, chosen.host)
        local names = operation.op == "remap" and (operation.sources or chosen.names) or {}
        for _, each in ipairs(names) do
            local source = sources.get(each)
            if sources.will_serve(source, target, operation, host) then break end
            sources.prepare(source, target, operation, host)
        end
    end
end

-- Whether one of the chosen sources has something to read before the process is stopped.
local function has_to_prepare(chosen)
    for _, name in ipairs(chosen.names) do
        if sources.get(name).prepare then return true end
    end
    return false
end

--- Tells whether a program had something to gain. The shell of a start script has not, although it
-- may have got some smaller pages.
-- @tparam Outcome outcome
-- @treturn boolean
function stage.has_gained(outcome)
    for _, result in ipairs(outcome.results) do
        if result.stop - result.start >= MUCH_TEXT then return true end
    end
    return #outcome.refused > 0
end

--- Tells whether it matters what stays on small pages although it should not: whether that is as
-- much text as a huge page has.
-- @tparam Outcome outcome
-- @treturn boolean
function stage.matters(outcome)
    local bytes = 0
    for _, result in ipairs(outcome.results) do
        local has_failed = not result.source and not result.kept
        for _, m in ipairs(has_failed and outcome.description.mappings or {}) do
            if m.kind == "text" then bytes = bytes + ranges.common_size(m, result) end
        end
    end
    return #outcome.refused > 0 or bytes >= outcome.host.huge_page_size
end

--- Loads what text to remap needs, for a program that is likely to have some.
-- @tparam Chosen chosen
function stage.preload(chosen)
    if chosen.wrong then return end
    get_executor()
    sources.get(chosen.names[1])
end

--- Reads and loads what a stage may need, for a process during whose stop no file may be opened.
-- @tparam Observed|Inferior process running
-- @string name of the program, for messages
-- @tparam Chosen chosen
-- @tparam table job what `stage.run` will be given
-- @treturn table to be closed when the process runs again
function stage.prepare_for_stop(process, name, chosen, job)
    local opened = setmetatable({}, { __close = sources.release })
    choice.prepare_for_stop(chosen)
    if chosen.wrong then return opened end
    hosts.complete(chosen.host)
    stage.preload(chosen)
    if has_to_prepare(chosen) and not chosen["dry-run"] then
        prepare_sources(process, name, chosen, job)
    end
    if stage.wants_report(chosen) then require "tiexec.show.report" end
    if chosen.report_file then pcall(require, "dkjson") end
    if chosen["perf-map"] then require "tiexec.remap.perf_map" end
    return opened
end

-- Says the warnings of the sources, each once, and none that the complaint says.
local function say_warnings(outcome, say)
    local said = outcome.complaint or ""
    if outcome.quiet then return end
    for _, line in ipairs(outcome.warnings) do
        if not said:find(line, 1, true) then (say or message.say)("%s", line) end
        said = said .. "\n" .. line
    end
end

--- Tells what has come of a stage: in messages, and in a perf map and a report, if they are asked
-- for. That a file cannot be written becomes the complaint of the outcome, unless there is one.
-- Files are opened for that: so an inferior that others may wait for is let go first.
-- @tparam Inferior inferior
-- @tparam Outcome outcome
-- @tparam Chosen chosen
function stage.tell(inferior, outcome, chosen)
    if outcome.dry then return end
    local is_read = outcome.report or outcome.complaint
    if is_read and require "tiexec.show.causes".complete(outcome) and outcome.complaint then
        outcome.complaint = complaint_of(outcome)
    end
    say_warnings(outcome, chosen.say)
    if chosen["perf-map"] then
        note_failure(outcome, require "tiexec.remap.perf_map".write(inferior, outcome))
    end
    if outcome.report then note_failure(outcome, outcome.report:tell()) end
end

--- Does the work of a stage on an inferior. Stops all its threads, and leaves them stopped.
-- `stage.tell` tells of it.
-- @tparam Inferior inferior
-- @string name of the program, for messages
-- @tparam Chosen chosen
-- @tparam table job `stage`, which is "entry", "dlopen" or "attach"; `entry`, the address of the
-- program's entry point, if that is known; `mappings`, joined, if they are; and
-- `is_new(object, mapping)`, a function that tells whether a mapping of an object is in question,
-- or nil if all are
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
    if outcome.dry then add_second_plan(outcome) end
    carry_out(inferior, outcome, chosen, started)
    return outcome
end

return stage
