-- SPDX-License-Identifier: Apache-2.0
--- Draws the heat of a recording as a picture in SVG: each square is one huge page of a file.

local core = require "tiexec.core"
local summary = require "tiexec.record.summary"
local text = require "tiexec.base.text"

local svg = {}

local WIDTH <const>, MARGIN <const>, GRID <const> = 984, 28, 140
local COLUMNS <const>, PITCH <const>, CELL <const>, HEIGHT <const> = 32, 25.5, 23.5, 26

local style <const> = [[
<style>
  text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif;
    fill: #1b1f24; font-size: 13px; }
  .back { fill: #ffffff; } .title { font-size: 20px; font-weight: 600; }
  .name { font-size: 15px; font-weight: 600; }
  .address { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, monospace; font-size: 12px;
    fill: #59636e; text-anchor: end; }
  .letter { font-weight: 600; fill: #ffffff; text-anchor: middle; }
  .hot { fill: #b2182b; } .warm { fill: #e6762e; } .mild { fill: #2c8fc9; }
  .cold { fill: none; stroke: #d1d9e0; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .back { fill: #0d1117; } .address { fill: #9198a1; }
    .cold { stroke: #30363d; } .letter { fill: #ffffff; }
  }
</style>
]]

local Page = {}
Page.__index = Page

function Page:add(form, ...) self[#self + 1] = form:format(...) end

function Page:text(class, x, words, y)
    self:add('<text class="%s" x="%.1f" y="%.1f">%s</text>\n', class, x, y or self.y,
        text.xml(words))
end

function Page:cell(grade, x, y, title)
    self:add('<g><title>%s</title><rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%d" '
        .. 'rx="3"/>', text.xml(title), grade.class, x, y, CELL, HEIGHT)
    if grade.letter ~= "_" then
        self:add('<text class="letter" x="%.1f" y="%.1f">%s</text>', x + CELL / 2, y + 17.5,
            grade.letter)
    end
    self:add("</g>\n")
end

local function add_legend(page, found)
    local x = MARGIN
    page.y = page.y + 16
    for _, grade in ipairs(summary.grades) do
        page:cell(grade, x, page.y, grade.label)
        page:text("", x + 30, grade.label, page.y + 17.5)
        x = x + 60 + 7.4 * #grade.label
    end
    page:text("", x, "a square is " .. text.size(found.huge), page.y + 17.5)
    page.y = page.y + HEIGHT
end

local function add_picture(page, picture, huge)
    page.y = page.y + 40
    page:text("name", MARGIN, text.basename(picture.object))
    page.y = page.y + 10
    for first = 1, #picture, COLUMNS do
        page:text("address", GRID - 14, ("%x"):format(picture.first + (first - 1) * huge),
            page.y + 17.5)
        for i = first, math.min(first + COLUMNS - 1, #picture) do
            page:cell(picture[i], GRID + (i - first) * PITCH, page.y,
                ("%#x: %d samples"):format(picture.first + (i - 1) * huge, picture.samples[i]))
        end
        page.y = page.y + HEIGHT + 6
    end
end

--- Draws a recording.
-- @tparam Recording recording
-- @int huge the size of a huge page, in bytes
-- @string path of the picture
-- @treturn[1] boolean true
-- @treturn[2] nil, string why it could not be written
function svg.write(recording, huge, path)
    local page, found = setmetatable({ y = MARGIN + 18 }, Page), summary.of(recording, huge)
    page:text("title", MARGIN, ("%s: %d samples of %s"):format(
        text.basename(recording.executable), recording.samples, recording.event))
    page.y = page.y + 24
    local last = found.needed[#found.needed]
    page:text("", MARGIN, ("%.0f %% of those in files lie in %d pages of 4 KiB, or in %d of %s")
        :format(100 * last.share, last.small, last.huge, text.size(huge)))
    add_legend(page, found)
    for _, object in ipairs(recording.objects) do
        local picture = summary.picture(found, object.path)
        if picture then add_picture(page, picture, huge) end
    end
    local head = ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %.0f">\n'):format(
        WIDTH, page.y + MARGIN)
    local file, why = core.create_file(path, true)
    if not file then return nil, why end
    local ok
    ok, why = file:write(head, style, '<rect class="back" width="100%" height="100%"/>\n',
        table.concat(page), "</svg>\n")
    local closed, close_why = file:close()
    if ok and closed then return true end
    return nil, why or close_why
end

return svg
