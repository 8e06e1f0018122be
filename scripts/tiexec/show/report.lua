-- SPDX-License-Identifier: Apache-2.0
--- What was planned and what came of it, mapping by mapping: a table for people (show/tables.lua), JSON for
-- programs. The figures are smaps', before and after.

local core = require "tiexec.core"
local count = require "tiexec.show.count"
local json = require "tiexec.show.json"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"
local tables = require "tiexec.show.tables"
local text = require "tiexec.base.text"

local report = {}

local Report = {}
Report.__index = Report

-- The pages that map a range, given mappings with smaps' figures: bytes on huge pages, and the number of pages by
-- size, the largest first.
function Report:count_pages(mappings, range)
    local huge_bytes, by_size, base = 0, {}, self.outcome.host.page_size
    local function add(size, pages)
        if pages > 0 then by_size[size] = (by_size[size] or 0) + pages end
    end
    for _, mapping in ipairs(mappings) do
        if ranges.overlap(mapping, range) then
            local from, to = ranges.common(mapping, range)
            local bytes, larger = count.of(mapping, { start = from, stop = to }, { pid = self.outcome.pid,
                pmd = self.outcome.host.pmd_size, sizes = self.page_sizes, results = self.outcome.results })
            huge_bytes = huge_bytes + bytes
            for _, some in ipairs(larger) do add(some.size, some.count) end
            add(base, (to - from - bytes) // base)
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

-- One row for each executable mapping in question, as it is before.
function Report:make_rows(before)
    local outcome, rows = self.outcome, {}
    for _, mapping in ipairs(outcome.description.mappings) do
        local is_in_question = not outcome.is_new or outcome.is_new(mapping.object)
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

local function say(row, why)
    for _, said in ipairs(row.why) do
        if said == why then return end
    end
    row.why[#row.why + 1] = why
end

local function add_result(row, result)
    if not row.source then
        row.source = result.source
    elseif result.source and not row.source:find(result.source, 1, true) then
        row.source = row.source .. ", " .. result.source
    end
    row.seconds = (row.seconds or 0) + result.seconds
    for _, try in ipairs(result.tried) do say(row, ("%s: %s"):format(try.source, try.why)) end
    if result.kept then say(row, result.kept) end
    if result.note then say(row, result.note) end
end

-- What the plan and the executor say of a row's range.
local function explain(outcome, row)
    row.why = {}
    for _, result in ipairs(outcome.results) do
        if ranges.overlap(result, row) then add_result(row, result) end
    end
    for _, operation in ipairs(outcome.operations) do
        if operation.op == "keep" and ranges.overlap(operation, row) then
            row.why[#row.why + 1] = operation.reason
        end
    end
    for _, refused in ipairs(outcome.refused) do
        row.why[#row.why + 1] = ("%s refused: %s"):format(refused.name, refused.reason)
    end
    if #row.why == 0 and not row.source then row.why[1] = "the plan does not name it" end
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
        list[i] = { object = row.object, start = text.hex(row.start), stop = text.hex(row.stop), bytes = row.size,
            before = row.before, after = row.after, source = row.source,
            seconds = row.seconds, why = row.why }
    end
    return json.array(list)
end

-- The report as JSON has it.
function Report:plain()
    local outcome = self.outcome
    return {
        pid = outcome.pid, stage = outcome.stage, command = outcome.name, executable = outcome.executable,
        strategy = outcome.strategy, sources = outcome.sources, profile = outcome.profile,
        kernel = outcome.host.kernel, huge_page_size = outcome.host.huge_page_size,
        mappings = plain_rows(self.rows), refused = json.array(outcome.refused), totals = self.totals,
    }
end

--- Writes that nothing was done, and why.
-- @param file open for writing
-- @string name of the program
-- @string why
function report.write_failure(file, name, why)
    return json.write(file, { command = name, error = why }, true)
end

--- Notes how things are before anything is touched, and shows what is asked for of that.
-- @tparam Outcome outcome
-- @tparam Chosen chosen
-- @treturn Report to be finished
function report.begin(outcome, chosen)
    local before = core.mappings(outcome.pid, true) or {}
    local self = setmetatable({ outcome = outcome, chosen = chosen,
        page_sizes = count.sizes(outcome.host, outcome.operations) }, Report)
    self.rows = self:make_rows(before)
    if chosen.debug.maps then tables.show_maps("before", before) end
    if chosen.debug.plan or chosen["dry-run"] then tables.show_plan(outcome) end
    return self
end

--- Reads the mappings again, fills in what has become of each row, and shows and writes what the settings ask for.
-- @treturn[1] boolean true
-- @treturn[2] nil, string why the file could not be written
function Report:finish()
    local after, chosen = core.mappings(self.outcome.pid, true) or {}, self.chosen
    for _, row in ipairs(self.rows) do
        row.after = self:count_pages(after, row)
        explain(self.outcome, row)
    end
    self.totals = totals_of(self.rows, self.outcome.results)
    if chosen.debug.maps then tables.show_maps("after", after) end
    if chosen.verbose then tables.show_outcome(self.outcome, self.rows, self.totals) end
    if not chosen.report_file then return true end
    return json.write(chosen.report_file, self:plain(), true)
end

return report
