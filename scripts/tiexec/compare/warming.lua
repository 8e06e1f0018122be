-- SPDX-License-Identifier: Apache-2.0
--- The runs before the first round: they warm up what is warm later, and find out what tiexec does.

local core = require "tiexec.core"
local progress = require "tiexec.compare.progress"
local runs = require "tiexec.compare.runs"
local text = require "tiexec.base.text"

local warming = {}

local interrupted = false

--- Whether a signal has ended one of the runs.
-- @treturn boolean
function warming.is_interrupted() return interrupted end

--- Makes one run.
-- @tparam table task as core.measure takes it
-- @treturn[1] table as core.measure gives it
-- @treturn[2] nil, string why it could not be made, or why CMD cannot be compared
function warming.try(task)
    local run, why = core.measure(task)
    if not run then return nil, why end
    interrupted = interrupted or run.interrupted
    if interrupted then return nil, "ended before the first round" end
    if run.is_left then
        return nil, "the command leaves processes running when it ends: they cannot be measured"
    end
    return run
end

-- Reads the lines of a report. Each is decoded by itself: one may be incomplete.
local function read_report(path)
    local list, ok, dkjson = {}, pcall(require, "dkjson")
    for line in (core.read_file(path) or ""):gmatch("[^\n]+") do
        local value = ok and dkjson.decode(line)
        if type(value) == "table" then list[#list + 1] = value end
    end
    return list
end

-- Says how much text is huge, by which sources.
local function coverage_of(reports)
    local bytes, huge, names, seen = 0, 0, {}, {}
    for _, report in ipairs(reports) do
        for _, mapping in ipairs(report.mappings or {}) do
            bytes, huge = bytes + mapping.bytes, huge + mapping.after.huge_bytes
            for name in (mapping.source or ""):gmatch("%w+") do
                if not seen[name] then names[#names + 1] = name end
                seen[name] = true
            end
        end
    end
    if bytes == 0 then return nil end
    return ("%s of %s of text on huge pages%s"):format(text.size(huge), text.size(bytes),
        #names > 0 and ", by " .. table.concat(names, ", ") or "")
end

-- Takes what tiexec says of CMD from what a run has written to standard error.
local function add_messages(notes, name, run)
    for line in run.error:gmatch("[^\n]+") do
        local said = line:match("^tiexec: (.*)")
        if said then notes[#notes + 1] = ("%s: %s"):format(name, said) end
    end
end

local function run_set(command, set, folder, warm)
    local path = folder .. "/report"
    local run, why = warming.try(runs.task_of(command, set, path))
    if not run then return nil, why end
    local reports = read_report(path)
    set.coverage = coverage_of(reports)
    add_messages(warm.notes, set.name, run)
    table.move(reports, 1, #reports, #warm.reports + 1, warm.reports)
    return true
end

--- Runs CMD once without tiexec, and once with each set of options. Each set gets the field
-- `coverage`, which says how much text was huge.
-- @tparam table command `path` and `argv`
-- @tparam table sets list of OptionSet
-- @treturn[1] table `reports`, what `--report` has written; `notes`, what tiexec has said
-- @treturn[2] nil, string why CMD cannot be compared
function warming.run(command, sets)
    local warm, bar = { reports = {}, notes = {} }, progress.open()
    local scratch <close>, folder = core.scratch(os.getenv("TMPDIR") or "/tmp")
    if not scratch then return nil, folder end
    bar:say("warming up")
    local ok, why = warming.try(runs.plain_task(command))
    for _, set in ipairs(ok and sets or {}) do
        if ok then ok, why = run_set(command, set, folder, warm) end
    end
    bar:close()
    if not ok then return nil, why end
    return warm
end

return warming
