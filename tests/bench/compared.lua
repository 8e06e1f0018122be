-- SPDX-License-Identifier: Apache-2.0
-- What `tiexec --compare --json` measures of commands, and tables of that.

local json = require "dkjson"
local support = require "tests.lib.support"
local words = require "tiexec.compare.words"

local compared = {}

--- Compares a command.
-- @tparam table command words
-- @string sets as `--compare` has them
-- @int seconds
-- @tparam[opt] table options words for tiexec
-- @treturn[1] table what `--json` writes
-- @treturn[2] nil, string why not
function compared.run(command, sets, seconds, options)
    local result = support.run(support.concat({ support.tiexec, "--compare=" .. sets, "--json", "--seconds",
        tostring(seconds) }, options, { "--" }, command))
    local value = json.decode(result.out)
    if value and value.interrupted then os.exit(130) end -- by ^C, which this process does not see meanwhile
    if not value then return nil, result.err:match("[^\n]*") end
    if #value.wrong > 0 then return nil, value.wrong[1] end
    return value
end

--- The change that a way shows: a Comparison, or nil.
function compared.found(value, quantity, baseline, way)
    local of = value.quantities[quantity]
    return of and of.against[baseline] and of.against[baseline][way]
end

--- A change in a cell of a table: "−24.6 (−25.9 to −22.8)"; "none": it cannot be measured.
function compared.cell(found)
    if not found then return "–" end
    local change = words.change(found.ratio):gsub(" %%$", "")
    if found.verdict == "unknown" then return change .. " (too few rounds)" end
    return ("%s (%s)"):format(found.verdict == "same" and "none" or change, words.interval(found))
end

--- A table of Markdown: rows are lists of cells, the first one the head. All columns but the first are to the right,
-- unless they are of words.
function compared.markdown(rows, is_words)
    local lines = {}
    for i, row in ipairs(rows) do
        lines[#lines + 1] = "| " .. table.concat(row, " | ") .. " |"
        if i == 1 then lines[2] = "|---|" .. (is_words and "---|" or "---:|"):rep(#row - 1) end
    end
    return table.concat(lines, "\n") .. "\n"
end

--- A table of changes: a row for each case.
-- @tparam table cases list of `name` and `value`, or `why` there is none
-- @tparam table what `quantity`, `baseline`, `ways`; `names` of the ways for people, by themselves
function compared.table(cases, what)
    local head = { "", what.baseline }
    for _, way in ipairs(what.ways) do head[#head + 1] = (what.names or {})[way] or way end
    local rows = { head }
    for _, case in ipairs(cases) do
        local row = { case.name }
        local of = case.value and case.value.quantities[what.quantity]
        if not of then row[2] = case.why or "–" end
        if of then
            local median = of.medians[what.baseline]
            row[2] = not median and "–" or what.quantity == "page faults" and ("%.0f"):format(median)
                or words.time(median)
        end
        for i, way in ipairs(what.ways) do
            row[2 + i] = of and compared.cell(compared.found(case.value, what.quantity, what.baseline, way)) or ""
        end
        rows[#rows + 1] = row
    end
    return compared.markdown(rows)
end

--- The same as data for plots.intervals: list of `label` and, by the ways' names, Comparisons.
function compared.points(cases, what)
    local points = {}
    for _, case in ipairs(cases) do
        local point = { label = case.name }
        for _, way in ipairs(case.value and what.ways or {}) do
            local found = compared.found(case.value, what.quantity, what.baseline, way)
            point[way] = found and found.low and found or nil
        end
        if case.value then points[#points + 1] = point end
    end
    return points
end

return compared
