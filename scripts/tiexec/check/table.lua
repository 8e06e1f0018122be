-- SPDX-License-Identifier: Apache-2.0
--- Shows people what `--check` has found: in tables on standard output.

local columns = require "tiexec.show.columns"
local terminal = require "tiexec.base.terminal"
local text = require "tiexec.base.text"
local version = require "tiexec.base.version"

local check_table = {}

local STANDARD_OUTPUT <const> = 1
local marks <const> = { [true] = "ok", [false] = "!" }
local works_words <const> = { [true] = "works", [false] = "does not" }

local function facts_text(judged, paint)
    local lines = {}
    for i, line in ipairs(judged.lines) do
        local said = line.text .. (line.todo and ": " .. line.todo or "")
        lines[i] = { line.name, marks[line.good] or "", said }
    end
    return columns.painted(lines, function(i, line)
        return judged.lines[i].good == false and paint("yellow", line) or line
    end, terminal.width(STANDARD_OUTPUT))
end

local function sources_text(judged, paint)
    local lines = {}
    for i, source in ipairs(judged.sources) do
        lines[i] = { source.name, works_words[source.works] or "perhaps",
            source.why or not source.asked and "not asked for by the settings" or "" }
    end
    return columns.painted(lines, function(i, line)
        local source = judged.sources[i]
        return paint(not source.asked and "faint" or source.works and "green" or "yellow", line)
    end, terminal.width(STANDARD_OUTPUT))
end

local function times_text(bounds)
    return ("%.1f (%.1f-%.1f)"):format(bounds.median, bounds.low, bounds.high)
end

local function percent_text(part)
    local function percent(number) return number * 100 // 1 end
    return ("%d %% (%d-%d)"):format(percent(part.median), percent(part.low), percent(part.high))
end

local function probe_text(probe, paint)
    if probe.wrong then
        return "TLB reach of huge pages: not measured: " .. probe.wrong .. "\n"
    end
    local lines = {
        { "", "places", "in small pages", "in huge pages", "packed", "huge pages save" },
    }
    for _, case in ipairs(probe.cases) do
        lines[#lines + 1] = { case.kind, ("%d"):format(case.pages), times_text(case.small),
            times_text(case.huge), times_text(case.packed),
            case.saved and percent_text(case.saved) or "nothing to save" }
    end
    local head = "TLB reach of huge pages, by loads and jumps, ns each: median (bounds)\n"
    local parts = { paint("bold", head),
        columns.align(lines, { false, true, true, true, true, true }), "  ", probe.text, "\n" }
    if probe.share then
        parts[#parts + 1] = ("  expected share of the gain: %s of what TLB misses of code cost\n")
            :format(percent_text(probe.share))
    end
    if probe.splintered then
        parts[#parts + 1] = ("  %d places all over one huge page are %.1f times slower than packed"
            .. ": one TLB entry does\n"):format(probe.cases[1].pages, probe.slowdown)
        parts[#parts + 1] = "  not serve a huge page, as in a virtual machine "
            .. "whose memory is of small pages below\n"
    end
    return table.concat(parts)
end

--- Writes what was found to standard output.
-- @tparam Judgement judged
-- @tparam ?table probe a ProbeVerdict; or `wrong`, why nothing was measured; nil: nobody asked
-- @string[opt] name of the program that was asked about
-- @treturn[1] file it has been written
-- @treturn[2] nil, string why it could not be written
function check_table.show(judged, probe, name)
    local paint = terminal.painter(STANDARD_OUTPUT)
    local is_ready = judged.ready and paint("green", "ready") or paint("red", "not ready")
    local head = ("tiexec %s: this host is %s%s\n"):format(version, is_ready,
        name and " for " .. text.visible(name) or "")
    local ok, why = io.stdout:write(head, facts_text(judged, paint),
        paint("bold", "where huge pages would come from\n"), sources_text(judged, paint),
        probe and probe_text(probe, paint) or "")
    if ok then ok, why = io.stdout:flush() end
    return ok, why
end

return check_table
