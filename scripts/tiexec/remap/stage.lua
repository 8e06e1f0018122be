-- SPDX-License-Identifier: Apache-2.0
--- The work at one stage: choose settings, describe, plan, execute, report.

local core = require "tiexec.core"
local describe = require "tiexec.plan.describe"
local executor = require "tiexec.remap.executor"
local message = require "tiexec.base.message"
local process = require "tiexec.harness.target"
local profile = require "tiexec.plan.profile"
local settings = require "tiexec.plan.settings"
local sizes = require "tiexec.plan.smaller"
local sources = require "tiexec.sources"
local strategy = require "tiexec.plan.strategy"

local remap = {}

local STOP_MS <const> = 2000

-- The page cache's are PMD-sized: for others nothing need be moved.
local function has_no_file_pages(chosen)
    return chosen["page-size"] ~= nil and chosen["page-size"] ~= core.huge_page_size()
end

--- The settings in force for an executable: those of the command line and the environment, completed by its
-- profile and the defaults, and its strategy.
-- @tparam ?table executable `path`, as /proc has it; `file`, where it can be read. nil: it is not known which
-- @tparam table options
-- @treturn table settings; `executable`: its path; `names`: the sources; `definition`: the strategy, or nil and
-- `wrong`: why
function remap.choose_for(executable, options)
    local found, complaints = {}, {}
    if executable then found, complaints = profile.find(executable, options.profile) end
    local chosen = settings.merge(options, found, { strategy = strategy.default, debug = {} })
    chosen.executable = executable and executable.path
    chosen.definition, chosen.wrong = strategy.load(chosen.strategy)
    if #complaints > 0 and chosen.strict then
        chosen.wrong = complaints[1]
    else
        for _, complaint in ipairs(complaints) do message.say("%s", complaint) end
    end
    if chosen.definition then
        if chosen.align == nil then chosen.align = chosen.definition.align end
        chosen.names = chosen.sources or chosen.definition.sources or sources.default()
        if has_no_file_pages(chosen) then
            chosen.align = false
            chosen.names = chosen.sources or sources.of_any_size(chosen.names)
        end
    end
    return chosen
end

--- The same for the program that `inferior` runs.
function remap.choose(inferior, name, options)
    local exe = ("/proc/%d/exe"):format(inferior:pid())
    return remap.choose_for({ path = core.readlink(exe) or name, file = exe }, options)
end

--- Loads what these settings will need, unless a profile says otherwise.
function remap.expect(options)
    strategy.load(options.strategy or strategy.default)
    local names = options.sources or sources.default()
    sources.get(names[1])
end

--- Does what can be done before the plan, and so while the inferior still runs: `chosen` gains `host`, a
-- description, and the sources are loaded.
function remap.prepare(chosen)
    if chosen.host or chosen.wrong then return end
    chosen.host = describe.host(chosen["page-size"])
    sources.get(chosen.names[1])
end

-- Text of other objects than those in question is no text any more to a strategy.
local function settle_others(view, is_new)
    for _, mapping in ipairs(view.mappings) do
        if mapping.kind == "text" and not is_new(mapping.object) then mapping.kind = "settled" end
    end
end

-- What is huge already is left alone: whoever made it so. Gives the rest, and that.
local function without_huge(inferior, operations)
    local target, rest, huge = process.of(inferior), {}, {}
    for _, operation in ipairs(operations) do
        local pages = target.pages(operation.start, operation.stop)
        local is_huge = pages.file_huge + pages.anon_huge >= operation.stop - operation.start
        table.insert(is_huge and operation.op == "remap" and huge or rest, operation)
    end
    return rest, huge
end

--- The plan of a stage.
-- @tparam table view of the inferior
-- @string stage
-- @tparam table chosen what `remap.choose` gave, prepared
-- @treturn[1] table operations
-- @treturn[1] table the refused
-- @treturn[1] func the plan for what is left beside a list of ranges: operations
-- @treturn[2] nil, string why there is none
function remap.plan(view, stage, chosen)
    local definition, host, names = chosen.definition, chosen.host, chosen.names
    local function nothing() return {} end
    if not strategy.plans_at(definition, stage) then return {}, {}, nothing end
    local operations, refused = strategy.make_plan(definition, view, host, { sources = names })
    if chosen["page-size"] then return operations, refused, nothing end
    return operations, refused, function(done) return sizes.rest(definition, view, host, names, done) end
end

local function make_plan(inferior, stage, chosen, is_new)
    local definition = chosen.definition
    local view, why = describe.inferior(inferior, stage)
    if not view then return nil, why end
    if is_new then settle_others(view, is_new) end
    remap.prepare(chosen)
    if chosen.host.huge_page_size == 0 then return nil, "this kernel has no huge pages" end
    local operations, refused, rest = remap.plan(view, stage, chosen)
    if not operations then return nil, refused end
    local done = {}
    if stage == "attach" then operations, done = without_huge(inferior, operations) end
    return { pid = view.pid, stage = stage, host = chosen.host, view = view, is_new = is_new,
        strategy = definition.name, sources = chosen.names, recache = definition.recache,
        copied_ends = definition.copied_ends, profile = chosen.profile, operations = operations, refused = refused,
        rest = rest, done = done, results = {} }
end

-- Sources with the same reason are named together.
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

-- One line for all that went wrong with single ranges; the table of -v tells of each.
local function summary(outcome)
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

-- Whether anybody wants to see what becomes of each mapping. That takes a look at smaps, twice.
local function wants_report(chosen)
    return chosen.verbose or chosen.report_file or chosen["dry-run"] or chosen.debug.maps or chosen.debug.plan
end

--- A function that shows each remote system call, where `--debug syscalls` asks for that; else nil.
function remap.syscall_trace(chosen)
    if not chosen.debug.syscalls then return nil end
    return function(name, arguments, result, why)
        local words = {}
        for i = 1, arguments.n do words[i] = ("%#x"):format(arguments[i]) end
        message.say("syscalls: %s(%s) = %s", name, table.concat(words, ", "),
            result and ("%#x"):format(result) or why)
    end
end

local function show_timing(outcome, started, planned)
    local ended = core.now()
    for _, result in ipairs(outcome.results) do
        message.say("timing: %#x-%#x by %s: %.2f ms", result.start, result.stop,
            result.source or "none", result.seconds * 1000)
    end
    message.say("timing: plan %.2f ms, remap %.2f ms", (planned - started) * 1000, (ended - planned) * 1000)
end

local function served(results)
    local list = {}
    for _, result in ipairs(results) do
        if result.source then list[#list + 1] = result end
    end
    return list
end

-- What has got smaller pages in place of those that it was planned for has not failed.
local function excuse(results, more)
    local instead = served(more)
    for _, result in ipairs(results) do
        if not result.source and sizes.overlaps_any(result, instead) then
            result.kept = result.kept or "smaller pages instead"
        end
    end
end

-- Carries the plan out, and then that for what is left.
local function execute(inferior, outcome, chosen)
    local function carry_out(operations)
        return executor.run(inferior, operations, outcome.sources,
            { trace = remap.syscall_trace(chosen), recache = outcome.recache, copied_ends = outcome.copied_ends,
                host = chosen.host, perf_map = chosen["perf-map"] })
    end
    outcome.results = carry_out(outcome.operations)
    local done = served(outcome.results)
    local rest = outcome.rest(table.move(outcome.done, 1, #outcome.done, #done + 1, done))
    if #rest == 0 then return end
    local more = carry_out(rest)
    excuse(outcome.results, more)
    table.move(more, 1, #more, #outcome.results + 1, outcome.results)
    outcome.operations = sizes.joined(outcome.operations, rest)
end

-- As if all of it could be had.
local function foresee(outcome)
    local ranges = {}
    for _, operation in ipairs(outcome.operations) do
        if operation.op == "remap" then ranges[#ranges + 1] = operation end
    end
    outcome.operations = sizes.joined(outcome.operations, outcome.rest(ranges))
end

--- Plans for a stopped inferior and carries the plan out.
-- @param inferior
-- @string stage
-- @string name of the program, for messages
-- @tparam table chosen what `remap.choose` gave
-- @func[opt] is_new whether an object (see objects.lua) is in question; else all are
-- @treturn[1] table outcome: `dry` nothing was to be done; `complaint` what failed, in one line; `results`
-- of the executor
-- @treturn[2] nil, string why nothing could be done at all
function remap.run(inferior, stage, name, chosen, is_new)
    local started = core.now()
    if chosen.wrong then return nil, chosen.wrong end
    local ok, why = inferior:interrupt(STOP_MS)
    if not ok then return nil, why end
    local outcome
    outcome, why = make_plan(inferior, stage, chosen, is_new)
    if not outcome then return nil, why end
    outcome.name, outcome.executable, outcome.dry = name, chosen.executable, chosen["dry-run"]
    local report = wants_report(chosen) and require "tiexec.show.report"
    if outcome.dry then foresee(outcome) end
    if report then report.before(outcome, chosen) end
    if outcome.dry then return outcome end
    local planned = core.now()
    execute(inferior, outcome, chosen)
    if chosen.debug.timing then show_timing(outcome, started, planned) end
    outcome.complaint = summary(outcome)
    if chosen["perf-map"] then
        ok, why = require "tiexec.remap.perf_map".write(inferior, outcome)
        outcome.complaint = outcome.complaint or not ok and why or nil
    end
    if report then
        ok, why = report.after(outcome, chosen)
        outcome.complaint = outcome.complaint or not ok and why or nil
    end
    return outcome
end

return remap
