-- SPDX-License-Identifier: Apache-2.0
--- Shows people what a comparison has found: a verdict, tables, and what to bear in mind.

local columns = require "tiexec.show.columns"
local terminal = require "tiexec.base.terminal"
local text = require "tiexec.base.text"
local words = require "tiexec.compare.words"

local compare_table = {}

local STANDARD_OUTPUT <const> = 1
local colours <const> = { less = "green", more = "red", unknown = "yellow" }
local beside <const> = { plain = "beside plain files", warm = "beside a warm cache" }

-- ---- the verdict --------------------------------------------------------------------------------

-- The sentence on a way beside a baseline; nil if they were not compared.
local function verdict_of(result, baseline, way)
    local cpu = result.quantities[1].against[baseline][way]
    local elapsed = result.quantities[2].against[baseline][way]
    if not cpu or not elapsed then return nil end
    return words.verdict(cpu, "CPU time") .. ", " .. words.verdict(elapsed, "elapsed time"), cpu
end

-- How a way is called above its verdict.
local function title_of(way)
    if way.name == "tiexec" then return "with tiexec" end
    if way.is_plain then return text.visible(way.name) .. ": tiexec has no part in it" end
    return "with tiexec, " .. text.visible(way.name)
end

local function verdict_text(result, paint)
    local lines = {}
    for i = #result.baselines + 1, #result.ways do
        local name = result.ways[i].name
        lines[#lines + 1] = title_of(result.ways[i])
        for _, baseline in ipairs(result.baselines) do
            local said, cpu = verdict_of(result, baseline, name)
            if said then
                local sentence = words.wrap(("%s: %s"):format(beside[baseline], said), "    ")
                lines[#lines + 1] = "  " .. paint(colours[cpu.verdict], sentence)
            end
        end
    end
    return table.concat(lines, "\n") .. "\n"
end

-- ---- the tables ---------------------------------------------------------------------------------

-- The table of a quantity whose changes matter.
local function main_text(result, found)
    local head, lines = { found.quantity.name, "" }, {}
    for _, baseline in ipairs(result.baselines) do
        table.move({ "beside " .. baseline, "95 % interval" }, 1, 2, #head + 1, head)
    end
    lines[1] = head
    for _, way in ipairs(result.ways) do
        local median = words.value(found.quantity, found.medians[way.name])
        local line = { text.visible(way.name), median }
        for _, baseline in ipairs(result.baselines) do
            local change = found.against[baseline][way.name]
            line[#line + 1] = change and words.change(change.ratio) or ""
            line[#line + 1] = change and words.interval(change) or ""
        end
        lines[#lines + 1] = line
    end
    return columns.align(lines, { false, true, true, true, true, true }) .. "\n"
end

-- The table of the medians of all other quantities that the host has measured.
local function medians_text(result, is_counter)
    local head, lines, right = { is_counter and "counted" or "median" }, {}, {}
    for i, way in ipairs(result.ways) do lines[i] = { text.visible(way.name) } end
    for _, found in ipairs(result.quantities) do
        local quantity = found.quantity
        if not quantity.is_main and (quantity.is_counter or false) == is_counter then
            head[#head + 1] = quantity.name
            right[#head] = true
            for i, way in ipairs(result.ways) do
                table.insert(lines[i], words.value(quantity, found.medians[way.name]))
            end
        end
    end
    if #head == 1 then return "" end
    table.insert(lines, 1, head)
    return columns.align(lines, right)
end

-- ---- what to bear in mind -----------------------------------------------------------------------

local function about_text(result)
    local lines = {}
    local function add(form, ...)
        lines[#lines + 1] = "  " .. words.wrap(form:format(...), "    ")
    end
    add("%d round%s in %s, each of %d runs in random order; a change is the median of the ratios "
        .. "within rounds", result.pairs, result.pairs == 1 and "" or "s",
        words.time(result.seconds), #result.ways)
    if result.copies then
        add("plain: from copies of %d file%s (%s) whose pages were never huge",
            result.copies.count, result.copies.count == 1 and "" or "s",
            text.size(result.copies.bytes))
    end
    add("warm: without tiexec, from the page cache as starts with tiexec leave it")
    for _, way in ipairs(result.ways) do
        if way.coverage then add("%s: %s", text.visible(way.name), way.coverage) end
    end
    return table.concat(lines, "\n") .. "\n"
end

local function notes_text(result, paint)
    local lines = {}
    for _, wrong in ipairs(result.wrong) do
        lines[#lines + 1] = paint("red", "! " .. words.wrap(text.visible(wrong), "    ")) .. "\n"
    end
    for _, note in ipairs(result.notes) do
        lines[#lines + 1] = paint("yellow", "! " .. words.wrap(text.visible(note), "    ")) .. "\n"
    end
    return table.concat(lines)
end

--- Writes what was found to standard output.
-- @tparam CompareResult result
-- @string command what was run
-- @treturn[1] file it has been written
-- @treturn[2] nil, string why it could not be written
function compare_table.show(result, command)
    local paint = terminal.painter(STANDARD_OUTPUT)
    local parts = { paint("bold", text.visible(command)), "\n", verdict_text(result, paint), "\n" }
    for _, found in ipairs(result.quantities) do
        if found.quantity.is_main then parts[#parts + 1] = main_text(result, found) end
    end
    parts[#parts + 1] = medians_text(result, false)
    parts[#parts + 1] = medians_text(result, true)
    parts[#parts + 1] = "\n" .. about_text(result) .. notes_text(result, paint)
    local ok, why = io.stdout:write(table.concat(parts))
    if ok then ok, why = io.stdout:flush() end
    return ok, why
end

return compare_table
