-- SPDX-License-Identifier: Apache-2.0
--- What was planned and what came of it: a table for people, JSON for programs. The figures are
-- smaps', before and after.

local core = require "tiexec.core"
local message = require "tiexec.base.message"
local pages = require "tiexec.show.count"
local planner = require "tiexec.planner"
local version = require "tiexec.base.version"

local report = {}

-- Pages that map [start, stop), given mappings with smaps' figures: bytes on huge pages, and the number of pages by
-- size, the largest first.
local function count_pages(data, mappings, start, stop)
    local huge_bytes, by_size, base = 0, {}, data.host.page_size
    local function add(size, count)
        if count > 0 then by_size[size] = (by_size[size] or 0) + count end
    end
    for _, mapping in ipairs(mappings) do
        local from, to = math.max(mapping.start, start), math.min(mapping.stop, stop)
        if from < to then
            local bytes, larger = pages.count(data.pid, mapping, from, to, data.host.pmd_size, data.page_sizes,
                data.results)
            huge_bytes = huge_bytes + bytes
            for _, some in ipairs(larger) do add(some.size, some.count) end
            add(base, (to - from - bytes) // base)
        end
    end
    local result = { huge_bytes = huge_bytes, total = 0, small = by_size[base] or 0, pages = {} }
    for size, count in pairs(by_size) do
        result.total = result.total + count
        table.insert(result.pages, { size = size, count = count })
    end
    table.sort(result.pages, function(a, b) return a.size > b.size end)
    result.huge = result.total - result.small
    return result
end

-- One row for each executable mapping in question as it is before.
local function make_rows(data)
    local before, rows = core.mappings(data.pid, true) or {}, {}
    for _, mapping in ipairs(data.view.mappings) do
        if mapping.perms:sub(3, 3) == "x" and (not data.is_new or data.is_new(mapping.object)) then
            rows[#rows + 1] = {
                object = mapping.object and mapping.object.path or mapping.path,
                start = mapping.start,
                stop = mapping.stop,
                size = mapping.stop - mapping.start,
                before = count_pages(data, before, mapping.start, mapping.stop),
            }
        end
    end
    return rows, before
end

local function say(row, why)
    for _, said in ipairs(row.why) do
        if said == why then return end
    end
    row.why[#row.why + 1] = why
end

local function describe_result(row, result)
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
local function explain(data, row)
    row.why = {}
    for _, result in ipairs(data.results) do
        if result.start < row.stop and row.start < result.stop then describe_result(row, result) end
    end
    for _, operation in ipairs(data.operations) do
        if operation.op == "keep" and operation.start < row.stop and row.start < operation.stop then
            row.why[#row.why + 1] = operation.reason
        end
    end
    for _, refused in ipairs(data.refused) do
        row.why[#row.why + 1] = ("%s refused: %s"):format(refused.name, refused.reason)
    end
    if #row.why == 0 and not row.source then row.why[1] = "the plan does not name it" end
end

local function add_totals(data)
    local totals = { bytes = 0, huge_bytes = 0, pages_before = 0, pages_after = 0, seconds = 0 }
    for _, row in ipairs(data.rows) do
        totals.bytes = totals.bytes + row.size
        totals.huge_bytes = totals.huge_bytes + row.after.huge_bytes
        totals.pages_before = totals.pages_before + row.before.total
        totals.pages_after = totals.pages_after + row.after.total
    end
    for _, result in ipairs(data.results) do totals.seconds = totals.seconds + result.seconds end
    data.totals = totals
end

-- ---- for people ------------------------------------------------------------------------------------

local function page_text(count)
    local parts = {}
    for i, part in ipairs(count.pages) do parts[i] = ("%d × %s"):format(part.count, planner.size_text(part.size)) end
    return table.concat(parts, " + ")
end

-- Lines up columns; `right` tells which are flush right. The last column is left ragged.
local function align(lines, right)
    local width, out = {}, {}
    for _, line in ipairs(lines) do
        for i, cell in ipairs(line) do width[i] = math.max(width[i] or 0, utf8.len(cell) or #cell) end
    end
    for _, line in ipairs(lines) do
        local cells = {}
        for i, cell in ipairs(line) do
            local pad = (" "):rep(width[i] - (utf8.len(cell) or #cell))
            cells[i] = right[i] and pad .. cell or i < #line and cell .. pad or cell
        end
        out[#out + 1] = "  " .. table.concat(cells, "  "):gsub("%s+$", "")
    end
    return table.concat(out, "\n") .. "\n"
end

local function object_name(path)
    if path == "" then return "(anonymous)" end
    return path:match("[^/]+$") or path
end

local function bold(text)
    if not core.isatty(2) or os.getenv("NO_COLOR") or os.getenv("TERM") == "dumb" then return text end
    return "\27[1m" .. text .. "\27[0m"
end

-- Small libraries that stay as they are would drown the rest: one line for all of them.
local function is_small(data, row)
    return not row.source and row.size < data.host.huge_page_size
end

local function percent_fewer(before, after)
    return before > 0 and 100 * (1 - after / before) or 0
end

-- The rows worth a line, and a sum of those that are not.
local function sort_out(data)
    local shown, shown_before, shown_after = {}, 0, 0
    local rest = { count = 0, bytes = 0, pages = 0 }
    for _, row in ipairs(data.rows) do
        if is_small(data, row) then
            rest.count, rest.bytes = rest.count + 1, rest.bytes + row.size
            rest.pages = rest.pages + row.after.total
        else
            shown[#shown + 1] = row
            shown_before = shown_before + row.before.total
            shown_after = shown_after + row.after.total
        end
    end
    return shown, shown_before, shown_after, rest
end

local function show_table(data)
    local lines = { { "object", "mapping", "size", "pages before", "after", "source", "ms", "why" } }
    local rows, before, after, rest = sort_out(data)
    for _, row in ipairs(rows) do
        lines[#lines + 1] = { object_name(row.object), ("%x-%x"):format(row.start, row.stop),
            planner.size_text(row.size), page_text(row.before), page_text(row.after),
            row.source or "-", row.seconds and ("%.1f"):format(row.seconds * 1000) or "-",
            table.concat(row.why, "; ") }
    end
    local stage = data.stage ~= "entry" and ", " .. data.stage or ""
    local text = { ("tiexec: %s (process %d)%s, strategy %s\n"):format(data.name, data.pid, stage, data.strategy) }
    if #rows > 0 then
        text[2] = align(lines, { [3] = true, [7] = true })
        text[3] = bold(("  %d pages before, %d after: %.1f %% fewer, in %.1f ms\n")
            :format(before, after, percent_fewer(before, after), data.totals.seconds * 1000))
    end
    if rest.count > 0 then
        text[#text + 1] = ("  and %d texts smaller than a huge page, %s or %d pages in all, as they were\n")
            :format(rest.count, planner.size_text(rest.bytes), rest.pages)
    end
    message.write(table.concat(text))
end

local function show_plan(data)
    local lines = { { "op", "object", "range", "size", "pages", "from", "why" } }
    for _, operation in ipairs(data.operations) do
        local size = operation.stop - operation.start
        lines[#lines + 1] = { operation.op, object_name(operation.object or ""),
            ("%x-%x"):format(operation.start, operation.stop), planner.size_text(size),
            operation.op == "remap" and planner.size_text(operation.page_size or data.host.huge_page_size) or "-",
            operation.op == "remap" and table.concat(operation.sources or data.sources, ",") or "-",
            operation.note or operation.reason or "" }
    end
    for _, refused in ipairs(data.refused) do
        lines[#lines + 1] = { "refused", refused.name, "", "", "-", "-", refused.reason }
    end
    message.write(("tiexec: plan for %s, strategy %s\n"):format(data.name, data.strategy)
        .. align(lines, { [4] = true, [5] = true }))
end

local function show_maps(when, mappings)
    local lines = { { "maps " .. when, "perms", "size", "huge", "path" } }
    for _, m in ipairs(mappings) do
        local huge = m.anon_huge + m.shmem_huge + m.file_huge + m.hugetlb
        lines[#lines + 1] = { ("%x-%x"):format(m.start, m.stop), m.perms,
            planner.size_text(m.stop - m.start), huge > 0 and planner.size_text(huge) or "-", m.path }
    end
    message.write(align(lines, { [3] = true, [4] = true }))
end

-- ---- for programs ----------------------------------------------------------------------------------

local function hex(address) return ("%#x"):format(address) end

local function plain_rows(data)
    local rows = {}
    for i, row in ipairs(data.rows) do
        rows[i] = { object = row.object, start = hex(row.start), stop = hex(row.stop), bytes = row.size,
            before = row.before, after = row.after, source = row.source,
            seconds = row.seconds, why = row.why }
    end
    return rows
end

local function array(list)
    return setmetatable(list, { __jsontype = "array" })
end

-- Writes a value to an open file, and leaves it open. `lines`: on one line of its own, after those of other
-- stages and processes; else indented.
local function write_json(file, value, lines)
    local ok, json = pcall(require, "dkjson")
    if not ok then return nil, "JSON needs dkjson (apt-get install lua-dkjson)" end
    value.tiexec = version
    local written, why = file:write(json.encode(value, { indent = not lines }), "\n")
    local flushed, flush_why = file:flush()
    if written and flushed then return true end
    return nil, "report: " .. (why or flush_why)
end

local function outcome_of(data)
    return {
        pid = data.pid, stage = data.stage, command = data.name, executable = data.executable,
        strategy = data.strategy, sources = data.sources, profile = data.profile,
        kernel = data.host.kernel, huge_page_size = data.host.huge_page_size,
        mappings = array(plain_rows(data)), refused = array(data.refused), totals = data.totals,
    }
end

--- Writes that nothing was done, and why.
function report.write_failure(file, name, why)
    return write_json(file, { command = name, error = why }, true)
end

--- Notes how things are before anything is touched, and shows what is asked for of that.
-- @tparam table data `name`, `executable`, `pid`, `host`, `view`, `strategy`, `sources`, `profile`,
-- `operations`, `refused`, and later `results`
-- @tparam table settings
function report.before(data, settings)
    local before
    data.page_sizes = pages.sizes(data.host, data.operations)
    data.rows, before = make_rows(data)
    if settings.debug.maps then show_maps("before", before) end
    if settings.debug.plan or settings["dry-run"] then show_plan(data) end
end

--- Reads the mappings again, fills in what has become of each row, and shows and writes what the
-- settings ask for.
-- @treturn[1] boolean true
-- @treturn[2] nil, string why the file could not be written
function report.after(data, settings)
    local after = core.mappings(data.pid, true) or {}
    for _, row in ipairs(data.rows) do
        row.after = count_pages(data, after, row.start, row.stop)
        explain(data, row)
    end
    add_totals(data)
    if settings.debug.maps then show_maps("after", after) end
    if settings.verbose then show_table(data) end
    if not settings.report_file then return true end
    return write_json(settings.report_file, outcome_of(data), true)
end

-- For other views of a process or a host.
report.align, report.object_name, report.array, report.hex = align, object_name, array, hex
report.write_json = write_json

return report
