-- SPDX-License-Identifier: Apache-2.0
--- Lines up tables in plain text.

local text = require "tiexec.base.text"

local columns = {}

local function width_of(cell) return utf8.len(cell) or #cell end

-- Gives the lines with the cells as they are shown: names from elsewhere may be among them.
local function visible(lines)
    local result = {}
    for i, line in ipairs(lines) do
        result[i] = {}
        for j, cell in ipairs(line) do result[i][j] = text.visible(cell) end
    end
    return result
end

--- Lines up columns of text. Each line begins with two blanks, and the last column is left ragged.
-- @tparam table lines list of lists of cells, which are strings
-- @tparam[opt] table right the columns that are flush right, as keys
-- @treturn string the lines, each with a newline
function columns.align(lines, right)
    local width, out = {}, {}
    lines = visible(lines)
    for _, line in ipairs(lines) do
        for i, cell in ipairs(line) do width[i] = math.max(width[i] or 0, width_of(cell)) end
    end
    for _, line in ipairs(lines) do
        local cells = {}
        for i, cell in ipairs(line) do
            local pad = (" "):rep(width[i] - width_of(cell))
            cells[i] = right and right[i] and pad .. cell or i < #line and cell .. pad or cell
        end
        out[#out + 1] = "  " .. table.concat(cells, "  "):gsub("%s+$", "")
    end
    return table.concat(out, "\n") .. "\n"
end

-- ---- tables with notes --------------------------------------------------------------------------

local INDENT <const> = "      "

-- Breaks a text into lines of a width, between words.
local function wrap(words, width)
    local out, line = {}, ""
    for word in words:gmatch("%S+") do
        local longer = line == "" and word or line .. " " .. word
        if line ~= "" and width_of(longer) > width then
            out[#out + 1], longer = line, word
        end
        line = longer
    end
    out[#out + 1] = line
    return out
end

-- The width that aligned lines take.
local function widest(rows, right)
    local most = 0
    for line in columns.align(rows, right):gmatch("[^\n]+") do
        most = math.max(most, width_of(line))
    end
    return most
end

-- Shortens the first cell of each row by as much as the rows are too wide.
local function cut(rows, excess)
    local longest = 0
    for _, row in ipairs(rows) do longest = math.max(longest, width_of(row[1])) end
    local most = math.max(longest - excess, 8)
    for _, row in ipairs(rows) do
        if width_of(row[1]) > most and utf8.len(row[1]) then
            row[1] = row[1]:sub(1, utf8.offset(row[1], most) - 1) .. "…"
        end
    end
end

-- Takes a column out of the rows, into the notes.
local function move_down(rows, notes, column)
    for i, row in ipairs(rows) do
        local cell = table.remove(row, column)
        if i > 1 then notes[i] = notes[i] == "" and cell or ("%s: %s"):format(cell, notes[i]) end
    end
end

--- Lines up a table whose rows have notes: each note is on lines of its own, below its row.
-- @tparam table lines list of lists of cells, the first line being the head; the note is the last
-- cell, and that of the head is left out
-- @tparam table options `right`, as above; `width`, the columns that there are (nil: no limit), for
-- whose sake the column number `below` goes into the note, and then the first column is cut
-- @treturn string the lines, each with a newline
function columns.with_notes(lines, options)
    local rows, notes, out, right, width = {}, {}, {}, options.right, options.width
    for i, line in ipairs(visible(lines)) do
        rows[i], notes[i] = line, table.remove(line)
    end
    if width and widest(rows, right) > width then
        local moved = {}
        move_down(rows, notes, options.below)
        for column in pairs(right) do
            moved[column > options.below and column - 1 or column] = true
        end
        right = moved
        local excess = widest(rows, right) - width
        if excess > 0 then cut(rows, excess) end
    end
    local i = 0
    for line in columns.align(rows, right):gmatch("[^\n]+") do
        i = i + 1
        out[#out + 1] = line
        for _, note in ipairs(i > 1 and notes[i] ~= ""
            and wrap(notes[i], width and width - #INDENT or math.maxinteger) or {}) do
            out[#out + 1] = INDENT .. note
        end
    end
    return table.concat(out, "\n") .. "\n"
end

--- Lines up columns of text, and paints each line as a whole. The lines are painted last, since the
-- codes of colours must not count as characters.
-- @tparam table lines list of lists of cells, which are strings
-- @func paint given the number of a line and its text, gives the painted text
-- @int[opt] width the columns that there are: what is longer goes on in the last column
-- @treturn string the lines, each with a newline
function columns.painted(lines, paint, width)
    local i, last = 0, 4 -- the last column begins behind the others
    for column = 1, #lines[1] - 1 do
        local most = 0
        for _, line in ipairs(lines) do most = math.max(most, width_of(line[column])) end
        last = last + most + (column > 1 and 2 or 0)
    end
    return (columns.align(lines):gsub("[^\n]+", function(line)
        i = i + 1
        if width and width_of(line) > width and width > last + 20 then
            local start = (utf8.offset(line, last + 1) or last + 1) - 1
            line = line:sub(1, start)
                .. table.concat(wrap(line:sub(start + 1), width - last), "\n" .. (" "):rep(last))
        end
        return paint(i, line)
    end))
end

return columns
