-- SPDX-License-Identifier: Apache-2.0
--- The report tells what was planned and what came of it, mapping by mapping: in a table for people
-- (show/tables.lua), and in JSON for programs. Its figures are those of smaps, before and after.

local codes = require "tiexec.base.codes"
local core = require "tiexec.core"
local count = require "tiexec.show.count"
local json = require "tiexec.show.json"
local leftover = require "tiexec.show.leftover"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"
local tables = require "tiexec.show.tables"
local text = require "tiexec.base.text"

local report = {}

local Report = {}
Report.__index = Report

-- Counts the pages that map a range: gives CountedPages. `mappings` is a list of DetailedMapping.
function Report:count_pages(mappings, range)
    local outcome, huge_bytes, by_size = self.outcome, 0, {}
    local base = outcome.host.page_size
    local context = { pid = outcome.pid, pmd = outcome.host.pmd_size, sizes = self.page_sizes,
        results = outcome.results }
    local function add(size, pages)
        if pages > 0 then by_size[size] = (by_size[size] or 0) + pages end
    end
    for _, mapping in ipairs(mappings) do
        if ranges.overlap(mapping, range) then
            local start, stop = ranges.common(mapping, range)
            local bytes, larger = count.of(mapping, { start = start, stop = stop }, context)
            huge_bytes = huge_bytes + bytes
            for _, some in ipairs(larger) do add(some.size, some.count) end
            add(base, (stop - start - bytes) // base)
        end
    end
    local result = { huge_bytes = huge_bytes, total = 0, small = by_size[base] or 0, pages = {} }
    for size, pages in pairs(by_size) do
        result.total = result.total + pages
        table.insert(result.pages, { size = size, count = pages })
    end
    table.sort(result.pages, function(a, b) return a.size > b.size end)
    result.huge = result.total - result.small
    return result
end

-- Makes a row for each executable mapping in question. `before` is a list of DetailedMapping.
function Report:make_rows(before)
    local outcome, rows = self.outcome, {}
    for _, mapping in ipairs(outcome.description.mappings) do
        local is_in_question = not outcome.is_new or outcome.is_new(mapping.object, mapping)
        if protection.is_executable(mapping.perms) and is_in_question then
            rows[#rows + 1] = {
                object = mapping.object and mapping.object.path or mapping.path,
                start = mapping.start,
                stop = mapping.stop,
                size = mapping.stop - mapping.start,
                before = self:count_pages(before, mapping),
            }
        end
    end
    return rows
end

-- Adds a reason to a row, unless the row has the same reason already.
local function add_reason(row, why)
    for _, said in ipairs(row.why) do
        if said == why then return end
    end
    row.why[#row.why + 1] = why
end

-- Adds what has become of a part of a row's range.
local function add_result(row, result)
    if not row.source then
        row.source = result.source
    elseif result.source and not row.source:find(result.source, 1, true) then
        row.source = row.source .. ", " .. result.source
    end
    row.seconds = (row.seconds or 0) + result.seconds
    for _, tried in ipairs(result.tried) do
        add_reason(row, ("%s: %s"):format(tried.source, tried.why))
    end
    if result.kept then add_reason(row, result.kept) end
    if result.note then add_reason(row, result.note) end
end

-- Fills in what the executor and the plan say of a row's range.
local function explain(outcome, row)
    row.why, row.source, row.seconds = {}, nil, nil
    for _, result in ipairs(outcome.results) do
        if ranges.overlap(result, row) then add_result(row, result) end
    end
    local reasons = leftover.reasons(outcome, row)
    table.move(reasons, 1, #reasons, #row.why + 1, row.why)
    if #row.why == 0 and not row.source then row.why[1] = codes.words("not-named") end
end

local function totals_of(rows, results)
    local totals = { bytes = 0, huge_bytes = 0, pages_before = 0, pages_after = 0, seconds = 0 }
    for _, row in ipairs(rows) do
        totals.bytes = totals.bytes + row.size
        totals.huge_bytes = totals.huge_bytes + row.after.huge_bytes
        totals.pages_before = totals.pages_before + row.before.total
        totals.pages_after = totals.pages_after + row.after.total
    end
    for _, result in ipairs(results) do totals.seconds = totals.seconds + result.seconds end
    return totals
end

local function plain_rows(rows)
    local list = {}
    for i, row in ipairs(rows) do
        list[i] = { object = row.object, start = text.hex(row.start), stop = text.hex(row.stop),
            bytes = row.size, before = row.before, after = row.after, source = row.source,
            seconds = row.seconds, why = json.array(row.why),
            codes = json.array(codes.list(row.why)) }
    end
    return json.array(list)
end

local function plain_refused(refused)
    local list = {}
    for i, one in ipairs(refused) do
        list[i] = { name = one.name, reason = one.reason, code = codes.of(one.reason) }
    end
    return json.array(list)
end

-- Fills in the reasons: they may have been completed once the process ran again.
function Report:explain()
    for _, row in ipairs(self.rows) do explain(self.outcome, row) end
end

-- Gives the report as JSON has it.
function Report:plain()
    local outcome = self.outcome
    self:explain()
    return {
        pid = outcome.pid, stage = outcome.stage, command = outcome.name,
        executable = outcome.executable,
        strategy = outcome.strategy, sources = outcome.sources, profile = outcome.profile,
        parameters = next(outcome.parameters) and outcome.parameters or nil,
        kernel = outcome.host.kernel, huge_page_size = outcome.host.huge_page_size,
        mappings = plain_rows(self.rows), refused = plain_refused(outcome.refused),
        totals = self.totals,
    }
end

--- Writes a report which says that nothing was done, and why.
-- @param file open for writing
-- @string name of the program
-- @string why nothing was done
-- @treturn[1] boolean true
-- @treturn[2] nil, string why the file could not be written
function report.write_failure(file, name, why)
    return json.write(file, { command = name, error = why, code = codes.of(why) }, true)
end

--- Begins a report: notes the pages before anything is touched, and shows as much of the mappings
-- and the plan as the settings ask for.
-- @tparam Outcome outcome without results
-- @tparam Chosen chosen
-- @treturn Report to be completed when the outcome has its results, and to be told then
function report.begin(outcome, chosen)
    local before, why = core.mappings(outcome.pid, true)
    local self = setmetatable({ outcome = outcome, chosen = chosen,
        page_sizes = count.sizes(outcome.host, outcome.operations), unknown = why }, Report)
    before = before or {}
    self.rows = self:make_rows(before)
    if chosen.debug.maps then tables.show_maps("before", before) end
    if chosen.debug.plan or chosen["dry-run"] then tables.show_plan(outcome, chosen) end
    return self
end

--- Completes a report with the pages as they are now and with the outcome's results.
function Report:complete()
    local after, why = core.mappings(self.outcome.pid, true)
    self.unknown = self.unknown or why
    after = after or {}
    for _, row in ipairs(self.rows) do
        row.after = self:count_pages(after, row)
    end
    self.totals = totals_of(self.rows, self.outcome.results)
    if self.chosen.debug.maps then tables.show_maps("after", after) end
end

--- Shows and writes a complete report as the settings ask for.
-- @treturn[1] boolean true
-- @treturn[2] nil, string why the file could not be written
function Report:tell()
    local chosen = self.chosen
    self:explain()
    if chosen.verbose then tables.show_outcome(self.outcome, self.rows, self.totals) end
    local ok, why = true, nil
    if chosen.report_file then ok, why = json.write(chosen.report_file, self:plain(), true) end
    if ok and self.unknown then return nil, "its pages cannot be counted: " .. self.unknown end
    return ok, why
end

return report
