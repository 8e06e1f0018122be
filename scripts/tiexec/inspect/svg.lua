-- SPDX-License-Identifier: Apache-2.0
--- Draws a survey as a picture in SVG. Each object has a grid, in which a square is one huge page's
-- place in the range of addresses. Lengths and positions are in the units of the picture.

local core = require "tiexec.core"
local reasons = require "tiexec.inspect.reasons"
local text = require "tiexec.base.text"

local svg = {}

local WIDTH <const>, MARGIN <const> = 984, 28
local GRID <const> = 140 -- where the grid begins; the addresses are left of it
local COLUMNS <const>, PITCH <const> = 32, 25.5 -- of the grid
local CELL <const>, HEIGHT <const> = 23.5, 26 -- the size of a square
local BAR_HEIGHT <const>, SWATCH <const> = 16, 18
local TEXT_COLUMNS <const> = 132 -- characters in a line of small print

-- The kinds of page, in the order of the legend. Letters tell them apart where colours do not.
local kinds <const> = {
    { letter = "F", class = "file", label = "file's own" },
    { letter = "S", class = "shared", label = "shared copy" },
    { letter = "T", class = "thp", label = "transparent" },
    { letter = "H", class = "hugetlb", label = "hugetlb" },
    { letter = ".", class = "small", label = "small pages" },
    { letter = "_", class = "unread", label = "not read yet" },
}

local style <const> = [[
<style>
  text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif;
    fill: #1b1f24; }
  .back { fill: #ffffff; } .faint { fill: #59636e; } .track { fill: #eaeef2; }
  .title { font-size: 20px; font-weight: 600; } .line { font-size: 13px; }
  .name { font-size: 15px; font-weight: 600; }
  .address { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, monospace; font-size: 12px;
    fill: #59636e; text-anchor: end; }
  .letter { font-size: 11px; font-weight: 600; fill: #ffffff; text-anchor: middle; }
  .file { fill: #009e73; } .shared { fill: #2c8fc9; } .thp { fill: #5b50c9; }
  .hugetlb { fill: #c2407f; } .small { fill: #e69f00; } .mesh { fill: url(#mesh); }
  .threads { stroke: #ffffff; stroke-width: 0.8; fill: none; }
  .unread { fill: none; stroke: #8c959f; stroke-width: 1; stroke-dasharray: 2.5 2; }
  .place { fill: none; stroke: #d1d9e0; stroke-width: 1; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .back { fill: #0d1117; } .faint, .address { fill: #9198a1; }
    .track { fill: #262c36; } .letter { fill: #ffffff; } .threads { stroke: #0d1117; }
    .place { stroke: #30363d; } .unread { stroke: #6e7681; } .thp { fill: #7d72ee; }
  }
</style>
<defs><pattern id="mesh" width="4" height="4" patternUnits="userSpaceOnUse">
  <path class="threads" d="M0 0H4M0 0V4"/></pattern></defs>
]]

-- A page is drawn from top to bottom. It is a list of elements, and `y` is where the next one goes.
local Page = {}
Page.__index = Page

function Page:add(form, ...) self[#self + 1] = form:format(...) end

function Page:text(class, x, words, y)
    self:add('<text class="%s" x="%.1f" y="%.1f">%s</text>', class, x, y or self.y, text.xml(words))
end

-- Breaks text into lines of whole words, as wide as the page.
local function wrap(words)
    local lines, line = {}, ""
    for word in words:gmatch("%S+") do
        if #line > 0 and #line + #word + 1 > TEXT_COLUMNS then
            lines[#lines + 1] = line
            line = word
        else
            line = #line > 0 and line .. " " .. word or word
        end
    end
    lines[#lines + 1] = line
    return lines
end

-- Fills a box (`x`, `y`, `width`, `height`) in the manner of a kind of page.
function Page:fill(kind, box)
    local x, y, width, height = box.x, box.y, box.width, box.height
    self:add('<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="3"/>', kind.class,
        x, y, width, height)
    if kind.class == "small" then
        self:add('<rect class="mesh" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>',
            x, y, width, height)
    elseif kind.letter ~= "_" and width >= 16 then
        self:add('<text class="letter" x="%.1f" y="%.1f">%s</text>',
            x + width / 2, y + height / 2 + 4, kind.letter)
    end
end

-- ---- the head -----------------------------------------------------------------------------------

-- Gives the bytes of text that the process has pages of, by the kind of page.
local function bytes_by_kind(survey)
    local sums = {}
    for _, row in ipairs(survey.rows) do
        sums[row.from] = (sums[row.from] or 0) + row.huge_bytes
        sums.small = (sums.small or 0) + math.max(row.rss - row.huge_bytes, 0)
    end
    return sums
end

-- Draws how all text divides among the kinds of page.
local function add_bar(page, survey)
    local sums, x, whole = bytes_by_kind(survey), MARGIN, WIDTH - 2 * MARGIN
    page.y = page.y + 14
    page:add('<rect class="track" x="%d" y="%.1f" width="%d" height="%d" rx="3"/>',
        MARGIN, page.y, whole, BAR_HEIGHT)
    for _, kind in ipairs(kinds) do
        local width = (sums[kind.class] or 0) / math.max(survey.totals.bytes, 1) * whole
        if width >= 0.5 then
            page:fill({ class = kind.class, letter = "_" },
                { x = x, y = page.y, width = width, height = BAR_HEIGHT })
            x = x + width
        end
    end
    page.y = page.y + BAR_HEIGHT
end

local function add_legend(page, survey)
    local x = MARGIN
    page.y = page.y + 16
    for _, kind in ipairs(kinds) do
        page:fill(kind, { x = x, y = page.y, width = SWATCH, height = SWATCH })
        page:text("line", x + 25, kind.label, page.y + 13.5)
        x = x + 48 + 7.4 * #kind.label
    end
    page:text("line faint", x, "a square is " .. text.size(survey.host.huge_page_size),
        page.y + 13.5)
    page.y = page.y + SWATCH
end

local function add_head(page, survey)
    page.y = MARGIN + 18
    page:text("title", MARGIN, ("%s (process %d)"):format(survey.name, survey.observed:pid()))
    page.y = page.y + 24
    page:text("line", MARGIN, survey:summary())
    add_bar(page, survey)
    add_legend(page, survey)
end

-- ---- an object ----------------------------------------------------------------------------------

local function kind_of(letter)
    for _, kind in ipairs(kinds) do
        if kind.letter == letter then return kind end
    end
end

-- Draws slot number `i` of a picture at `x`. A huge page fills its square, and small ones fill as
-- much of it as there is text.
local function add_cell(page, picture, i, x, size)
    local slot = picture.slots[i]
    local kind = kind_of(slot.letter)
    local box = { x = x, y = page.y, width = CELL, height = HEIGHT }
    page:add('<g><title>%#x: %s</title>'
        .. '<rect class="place" x="%.1f" y="%.1f" width="%.1f" height="%d" rx="3"/>',
        picture.start + (i - 1) * size, kind and kind.label or "no text", x, page.y, CELL, HEIGHT)
    if kind and (kind.class == "small" or kind.class == "unread") then
        local left, right = slot.first / size * CELL, slot.last / size * CELL
        box.x, box.width = x + left, math.max(right - left, 1.5)
    end
    if kind then page:fill(kind, box) end
    page:add("</g>\n")
end

-- Draws the grid of a picture: `size` is that of a huge page, in bytes.
local function add_grid(page, picture, size)
    for first = 1, #picture.slots, COLUMNS do
        page.y = page.y + 6
        local address = picture.start + (first - 1) * size
        page:text("address", GRID - 14, ("%x"):format(address), page.y + 17.5)
        for i = first, math.min(first + COLUMNS - 1, #picture.slots) do
            add_cell(page, picture, i, GRID + (i - first) * PITCH, size)
        end
        page.y = page.y + HEIGHT
    end
end

-- Writes the reasons of a picture's texts, each once.
local function add_reasons(page, picture)
    local seen = {}
    for _, row in ipairs(picture.texts) do
        local reason = reasons.text(row)
        if reason ~= "" and not seen[reason] then
            seen[reason] = true
            for _, line in ipairs(wrap(reason)) do
                page.y = page.y + 18
                page:text("line faint", MARGIN, line)
            end
        end
    end
end

local function add_object(page, picture, size)
    local bytes = 0
    for _, row in ipairs(picture.texts) do bytes = bytes + row.size end
    page.y = page.y + 40
    page:text("name", MARGIN, text.basename(picture.object))
    page:add('<text class="line faint" x="%d" y="%.1f" text-anchor="end">%s of text</text>',
        WIDTH - MARGIN, page.y, text.size(bytes))
    add_reasons(page, picture)
    page.y = page.y + 4
    add_grid(page, picture, size)
end

-- Says how much text is in no picture.
local function add_foot(page, survey)
    local count, bytes, shown = 0, 0, {}
    for _, picture in ipairs(survey.pictures) do
        for _, row in ipairs(picture.texts) do shown[row] = true end
    end
    for _, row in ipairs(survey.rows) do
        if not shown[row] then count, bytes = count + 1, bytes + row.size end
    end
    page.y = page.y + 34
    if count > 0 then
        page:text("line faint", MARGIN,
            ("%d texts smaller than a huge page, %s in all, not shown"):format(count,
                text.size(bytes)))
        page.y = page.y + MARGIN
    end
end

--- Draws a survey.
-- @tparam Survey survey
-- @treturn string the contents of an SVG file
function svg.draw(survey)
    local page = setmetatable({ y = 0 }, Page)
    add_head(page, survey)
    for _, picture in ipairs(survey.pictures) do
        add_object(page, picture, survey.host.huge_page_size)
    end
    add_foot(page, survey)
    local head = '<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%.0f"'
        .. ' viewBox="0 0 %d %.0f">\n'
    local back = '<rect class="back" width="%d" height="%.0f"/>\n'
    return head:format(WIDTH, page.y, WIDTH, page.y) .. style .. back:format(WIDTH, page.y)
        .. table.concat(page) .. "</svg>\n"
end

--- Draws a survey into a file.
-- @tparam Survey survey
-- @string path
-- @treturn[1] boolean true
-- @treturn[2] nil, string why the file could not be written
function svg.write(survey, path)
    local file, why = core.create_file(path, true)
    if not file then return nil, why end
    local written, trouble = file:write(svg.draw(survey))
    local closed, late = file:close()
    if written and closed then return true end
    return nil, ("%s: %s"):format(path, trouble or late)
end

return svg
