-- SPDX-License-Identifier: Apache-2.0
--- Shows the tables of `--verbose`, `--dry-run` and `--debug` on standard error.

local columns = require "tiexec.show.columns"
local count = require "tiexec.show.count"
local message = require "tiexec.base.message"
local terminal = require "tiexec.base.terminal"
local text = require "tiexec.base.text"

local tables = {}

local STANDARD_OUTPUT <const>, STANDARD_ERROR <const> = 1, 2

local function percent_fewer(before, after)
    return before > 0 and 100 * (1 - after / before) or 0
end

-- Gives the rows that are worth a line, and the sum of the others. The lines of small libraries
-- that stay as they are would hide those that matter.
local function sort_out(outcome, rows)
    local shown = { before = 0, after = 0 }
    local rest = { count = 0, bytes = 0, pages = 0 }
    for _, row in ipairs(rows) do
        if not row.source and row.size < outcome.host.huge_page_size then
            rest.count, rest.bytes = rest.count + 1, rest.bytes + row.size
            rest.pages = rest.pages + row.after.total
        else
            shown[#shown + 1] = row
            shown.before = shown.before + row.before.total
            shown.after = shown.after + row.after.total
        end
    end
    return shown, rest
end

-- The narrowest terminal that numbers of pages are written in full for.
local WIDE <const> = 120

local function writer_of_pages(width)
    return width and width < WIDE and text.short_pages or text.pages
end

local function outcome_lines(rows)
    local width = terminal.width(STANDARD_ERROR)
    local pages = writer_of_pages(width)
    local lines = {
        { "object", "mapping", "size", "pages before", "after", "source", "ms", "why" },
    }
    for _, row in ipairs(rows) do
        lines[#lines + 1] = { text.short(row.object), ("%x-%x"):format(row.start, row.stop),
            text.size(row.size), pages(row.before.pages), pages(row.after.pages),
            row.source or "-", row.seconds and ("%.1f"):format(row.seconds * 1000) or "-",
            table.concat(row.why, "; ") }
    end
    return columns.with_notes(lines, { right = { [3] = true, [7] = true }, below = 2,
        width = width })
end

--- Shows for each text the pages before and after, the sources, and the reasons.
-- @tparam Outcome outcome
-- @tparam table rows list of ReportRow
-- @tparam ReportTotals totals
function tables.show_outcome(outcome, rows, totals)
    local shown, rest = sort_out(outcome, rows)
    local stage = outcome.stage ~= "entry" and ", " .. outcome.stage or ""
    local parts = { ("tiexec: %s (process %d)%s, strategy %s\n"):format(
        text.visible(outcome.name), outcome.pid, stage, text.visible(outcome.strategy)) }
    if #shown > 0 then
        local sum = ("  %s before, %d after: %.1f %% fewer, in %.1f ms\n"):format(
            text.count(shown.before, "page"), shown.after, percent_fewer(shown.before, shown.after),
            totals.seconds * 1000)
        parts[2] = outcome_lines(shown)
        parts[3] = terminal.painter(STANDARD_ERROR)("bold", sum)
    end
    if rest.count > 0 then
        parts[#parts + 1] =
            ("  and %s smaller than a huge page, %s or %s in all, as before\n")
                :format(text.count(rest.count, "text"), text.size(rest.bytes),
                    text.count(rest.pages, "page"))
    end
    message.write(table.concat(parts))
end

-- The columns that there are for a plan: the tracer of a start has no standard output itself.
local function plan_width(chosen)
    if chosen.plan_file then return chosen.plan_width end
    return terminal.width(STANDARD_OUTPUT)
end

--- Shows a plan, operation by operation, and what was refused of it: on standard output if there is
-- nothing but the plan.
-- @tparam Outcome outcome
-- @tparam Chosen chosen
function tables.show_plan(outcome, chosen)
    local lines = { { "op", "object", "range", "size", "pages", "from", "why" } }
    for _, operation in ipairs(outcome.operations) do
        local is_remap = operation.op == "remap"
        lines[#lines + 1] = { operation.op, text.short(operation.object or ""),
            ("%x-%x"):format(operation.start, operation.stop),
            text.size(operation.stop - operation.start),
            is_remap and text.size(operation.page_size or outcome.host.huge_page_size) or "-",
            is_remap and table.concat(operation.sources or outcome.sources, ",") or "-",
            operation.note or operation.reason or "" }
    end
    for _, refused in ipairs(outcome.refused) do
        lines[#lines + 1] = { "refused", refused.name, "", "", "-", "-", refused.reason }
    end
    local name, strategy = text.visible(outcome.name), text.visible(outcome.strategy)
    local shown = ("tiexec: plan for %s, strategy %s\n"):format(name, strategy)
        .. columns.with_notes(lines, { right = { [4] = true, [5] = true }, below = 3,
            width = chosen["dry-run"] and plan_width(chosen)
                or not chosen["dry-run"] and terminal.width(STANDARD_ERROR) or nil })
    if chosen["dry-run"] then return message.output(shown, chosen.plan_file) end
    message.write(shown)
end

--- Shows all mappings of a process.
-- @string when "before" or "after"
-- @tparam table mappings list of DetailedMapping
function tables.show_maps(when, mappings)
    local lines = { { "maps " .. when, "perms", "size", "huge", "path" } }
    for _, m in ipairs(mappings) do
        local huge = count.huge_bytes(m)
        lines[#lines + 1] = { ("%x-%x"):format(m.start, m.stop), m.perms,
            text.size(m.stop - m.start), huge > 0 and text.size(huge) or "-", m.path }
    end
    message.write(columns.align(lines, { [3] = true, [4] = true }))
end

return tables
