-- SPDX-License-Identifier: Apache-2.0
--- A survey as a picture in SVG: each huge page's place in the text of each object, in rows by address.

local text = require "tiexec.base.text"

local svg = {}

local WIDTH <const>, MARGIN <const> = 984, 28
local GRID <const>, COLUMNS <const>, PITCH <const>, CELL <const>, HEIGHT <const> = 140, 32, 25.5, 23.5, 26
local TEXT_COLUMNS <const> = 132 -- characters of the small print in a line

-- In the order of the legend. The letters tell them apart where colours do not.
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
  text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1b1f24; }
  .back { fill: #ffffff; } .faint { fill: #59636e; } .track { fill: #eaeef2; }
  .title { font-size: 20px; font-weight: 600; } .line { font-size: 13px; } .name { font-size: 15px; font-weight: 600; }
  .address { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, monospace; font-size: 12px;
    fill: #59636e; text-anchor: end; }
  .letter { font-size: 11px; font-weight: 600; fill: #ffffff; text-anchor: middle; }
  .file { fill: #009e73; } .shared { fill: #2c8fc9; } .thp { fill: #5b50c9; } .hugetlb { fill: #c2407f; }
  .small { fill: #e69f00; } .mesh { fill: url(#mesh); } .threads { stroke: #ffffff; stroke-width: 0.8; fill: none; }
  .unread { fill: none; stroke: #8c959f; stroke-width: 1; stroke-dasharray: 2.5 2; }
  .place { fill: none; stroke: #d1d9e0; stroke-width: 1; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .back { fill: #0d1117; } .faint, .address { fill: #9198a1; } .track { fill: #262c36; }
    .letter { fill: #ffffff; } .threads { stroke: #0d1117; } .place { stroke: #30363d; } .unread { stroke: #6e7681; }
    .thp { fill: #7d72ee; }
  }
</style>
<defs><pattern id="mesh" width="4" height="4" patternUnits="userSpaceOnUse">
  <path class="threads" d="M0 0H4M0 0V4"/></pattern></defs>
]]

local escapes <const> = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

-- Text for XML; names of files may be of any bytes.
local function escape(words)
    if not utf8.len(words) then words = words:gsub("[\128-\255]", "?") end
    return (words:gsub("%c", "?"):gsub('[&<>"]', escapes))
end

local Page = {}
Page.__index = Page

function Page:add(form, ...) self[#self + 1] = form:format(...) end

function Page:text(class, x, words, y)
    self:add('<text class="%s" x="%.1f" y="%.1f">%s</text>', class, x, y or self.y, escape(words))
end

-- Lines of whole words, as wide as the page.
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

local function swatch(page, kind, x, y, width, height)
    page:add('<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="3"/>', kind.class, x, y, width, height)
    if kind.class == "small" then
        page:add('<rect class="mesh" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>', x, y, width, height)
    elseif kind.letter ~= "_" and width >= 16 then
        page:add('<text class="letter" x="%.1f" y="%.1f">%s</text>', x + width / 2, y + height / 2 + 4, kind.letter)
    end
end

-- ---- the head --------------------------------------------------------------------------------------

-- How the bytes of text that has been read divide among the kinds of page.
local function shares(found)
    local sums = {}
    for _, row in ipairs(found.rows) do
        sums[row.from] = (sums[row.from] or 0) + row.huge_bytes
        sums.small = (sums.small or 0) + math.max(row.rss - row.huge_bytes, 0)
    end
    return sums
end

local function add_bar(page, found)
    local sums, x, width = shares(found), MARGIN, WIDTH - 2 * MARGIN
    page.y = page.y + 14
    page:add('<rect class="track" x="%d" y="%.1f" width="%d" height="16" rx="3"/>', MARGIN, page.y, width)
    for _, kind in ipairs(kinds) do
        local share = (sums[kind.class] or 0) / math.max(found.totals.bytes, 1) * width
        if share >= 0.5 then
            swatch(page, { class = kind.class, letter = "_" }, x, page.y, share, 16)
            x = x + share
        end
    end
    page.y = page.y + 16
end

local function add_legend(page, found)
    local x = MARGIN
    page.y = page.y + 16
    for _, kind in ipairs(kinds) do
        swatch(page, kind, x, page.y, 18, 18)
        page:text("line", x + 25, kind.label, page.y + 13.5)
        x = x + 48 + 7.4 * #kind.label
    end
    page:text("line faint", x, ("a square is %s"):format(text.size(found.host.huge_page_size)), page.y + 13.5)
    page.y = page.y + 18
end

local function add_head(page, found)
    local totals = found.totals
    page.y = MARGIN + 18
    page:text("title", MARGIN, ("%s (process %d)"):format(found.name, found.observed:pid()))
    page.y = page.y + 24
    page:text("line", MARGIN, ("%s of %s of text on huge pages, %.1f %%: %d huge and %d small pages"):format(
        text.size(totals.huge_bytes), text.size(totals.bytes),
        100 * totals.huge_bytes / math.max(totals.bytes, 1), totals.huge_pages, totals.small_pages))
    add_bar(page, found)
    add_legend(page, found)
end

-- ---- an object -------------------------------------------------------------------------------------

local function kind_of(letter)
    for _, kind in ipairs(kinds) do
        if kind.letter == letter then return kind end
    end
end

-- A huge page fills its square; small ones fill as much of it as there is text.
local function add_cell(page, slot, x, y, address, size)
    local kind = kind_of(slot.letter)
    page:add('<g><title>%#x: %s</title><rect class="place" x="%.1f" y="%.1f" width="%.1f" height="%d" rx="3"/>',
        address, kind and kind.label or "no text", x, y, CELL, HEIGHT)
    if kind and (kind.class == "small" or kind.class == "unread") then
        local from, to = slot.first / size * CELL, slot.last / size * CELL
        swatch(page, kind, x + from, y, math.max(to - from, 1.5), HEIGHT)
    elseif kind then
        swatch(page, kind, x, y, CELL, HEIGHT)
    end
    page:add("</g>\n")
end

local function add_grid(page, found, picture)
    local size = found.host.huge_page_size
    for first = 1, #picture.slots, COLUMNS do
        page.y = page.y + 6
        page:text("address", GRID - 14, ("%x"):format(picture.start + (first - 1) * size), page.y + 17.5)
        for i = first, math.min(first + COLUMNS - 1, #picture.slots) do
            add_cell(page, picture.slots[i], GRID + (i - first) * PITCH, page.y, picture.start + (i - 1) * size, size)
        end
        page.y = page.y + HEIGHT
    end
end

local function add_reasons(page, picture)
    local seen = {}
    for _, row in ipairs(picture.texts) do
        local words = table.move(row.why, 1, #row.why, 1, {})
        words[#words + 1] = row.advice
        local reason = table.concat(words, "; ")
        if reason ~= "" and not seen[reason] then
            seen[reason] = true
            for _, line in ipairs(wrap(reason)) do
                page.y = page.y + 18
                page:text("line faint", MARGIN, line)
            end
        end
    end
end

local function add_object(page, found, picture)
    local bytes = 0
    for _, row in ipairs(picture.texts) do bytes = bytes + row.size end
    page.y = page.y + 40
    page:text("name", MARGIN, text.basename(picture.object))
    page:add('<text class="line faint" x="%d" y="%.1f" text-anchor="end">%s</text>', WIDTH - MARGIN, page.y,
        escape(("%s of text"):format(text.size(bytes))))
    add_reasons(page, picture)
    page.y = page.y + 4
    add_grid(page, found, picture)
end

local function add_foot(page, found)
    local count, bytes, shown = 0, 0, {}
    for _, picture in ipairs(found.pictures) do
        for _, row in ipairs(picture.texts) do shown[row] = true end
    end
    for _, row in ipairs(found.rows) do
        if not shown[row] then count, bytes = count + 1, bytes + row.size end
    end
    page.y = page.y + 34
    if count > 0 then
        page:text("line faint", MARGIN, ("%d texts smaller than a huge page, %s in all, not shown"):format(count,
            text.size(bytes)))
    end
    page.y = page.y + (count > 0 and MARGIN or 0)
end

--- The picture, as the text of an SVG file.
function svg.draw(found)
    local page = setmetatable({ y = 0 }, Page)
    add_head(page, found)
    for _, picture in ipairs(found.pictures) do add_object(page, found, picture) end
    add_foot(page, found)
    local head = ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%.0f" viewBox="0 0 %d %.0f">\n'):format(
        WIDTH, page.y, WIDTH, page.y)
    return head .. style .. ('<rect class="back" width="%d" height="%.0f"/>\n'):format(WIDTH, page.y)
        .. table.concat(page, "") .. "</svg>\n"
end

--- Writes it to a file.
-- @treturn[1] boolean true
-- @treturn[2] nil, string why not
function svg.write(found, path)
    local file, why = io.open(path, "w")
    if not file then return nil, why end
    local written, trouble = file:write(svg.draw(found))
    local closed, late = file:close()
    if written and closed then return true end
    return nil, ("%s: %s"):format(path, trouble or late)
end

return svg
