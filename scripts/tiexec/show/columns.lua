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

--- Lines up columns of text, and paints each line as a whole. The lines are painted last, since the
-- codes of colours must not count as characters.
-- @tparam table lines list of lists of cells, which are strings
-- @func paint given the number of a line and its text, gives the painted text
-- @treturn string the lines, each with a newline
function columns.painted(lines, paint)
    local i = 0
    return (columns.align(lines):gsub("[^\n]+", function(line)
        i = i + 1
        return paint(i, line)
    end))
end

return columns
