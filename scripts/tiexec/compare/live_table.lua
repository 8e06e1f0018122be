-- SPDX-License-Identifier: Apache-2.0
--- Shows what the comparison of a running process has found: to people, or as JSON.

local columns = require "tiexec.show.columns"
local json = require "tiexec.show.json"
local terminal = require "tiexec.base.terminal"
local text = require "tiexec.base.text"
local words = require "tiexec.compare.words"

local live_table = {}

local STANDARD_OUTPUT <const> = 1
local left <const> = { huge = "the process has been left on huge pages",
    small = "the process has been left on small pages" }
local colours <const> = { same = "bold", unknown = "yellow", less = "bold", more = "bold" }

local function value(quantity, number)
    if quantity.unit == "time" then return words.time(number) end
    return number >= 100 and ("%.0f"):format(number) or ("%.3g"):format(number)
end

local function table_text(result)
    local lines = { { "", "small pages", "huge pages", "change", "95 % interval" } }
    for _, one in ipairs(result.quantities) do
        local found = one.comparison
        lines[#lines + 1] = { one.quantity.name, value(one.quantity, one.small),
            value(one.quantity, one.huge), found and words.change(found.ratio) or "",
            found and words.interval(found) or "" }
    end
    return columns.align(lines, { false, true, true, true, true })
end

-- One line for each quantity but page faults.
local function verdict_text(result, paint)
    local lines = {}
    for i, one in ipairs(result.quantities) do
        if one.comparison and i < #result.quantities then
            local line = words.verdict(one.comparison, one.quantity.name)
            lines[#lines + 1] = "  "
                .. paint(colours[one.comparison.verdict], words.wrap(line, "    ")) .. "\n"
        end
    end
    return table.concat(lines)
end

local function people_text(result, job)
    local paint = terminal.painter(STANDARD_OUTPUT)
    local parts = { paint("bold", ("process %d"):format(job.pid)), ", with huge pages\n",
        verdict_text(result, paint), "\n", table_text(result), "\n",
        ("  %d pairs of blocks in %s, with %s of text on huge pages;\n  %s\n"):format(result.pairs,
            words.time(result.seconds), text.size(result.huge),
            left[result.left] or "the process has ended") }
    for _, note in ipairs(result.notes) do
        parts[#parts + 1] = paint("yellow", "! " .. words.wrap(text.visible(note), "  ")) .. "\n"
    end
    return table.concat(parts)
end

-- All of it, with the figures of each block.
local function plain(result, job)
    local quantities = {}
    for _, one in ipairs(result.quantities) do
        quantities[one.quantity.name] = { small = one.small, huge = one.huge,
            comparison = one.comparison }
    end
    return { pid = job.pid, pairs = result.pairs, seconds = result.seconds,
        blocks = result.blocks, quantities = quantities, huge = result.huge, kept = result.kept,
        left = result.left, notes = json.array(result.notes) }
end

--- Writes a result to standard output.
-- @tparam table result of live.run
-- @tparam table job likewise
-- @treturn[1] boolean|file it has been written
-- @treturn[2] nil, string why it could not be written
function live_table.show(result, job)
    if job.json then return json.write(io.stdout, plain(result, job)) end
    local ok, why = io.stdout:write(people_text(result, job))
    if ok then ok, why = io.stdout:flush() end
    return ok, why
end

return live_table
