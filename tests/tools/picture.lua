-- SPDX-License-Identifier: Apache-2.0
-- The last screen of the demo, and the same as a picture in SVG. Both are made of what the demo has found:
-- picture.lua gather FOLDER   joins what tests/tools/demo has left there, as JSON on standard output
-- picture.lua screen FILE     shows it in a terminal, within 80 columns
-- picture.lua svg FILE        draws it, readable in light and in dark

local json = require "dkjson"
local text = require "tiexec.base.text"
local words = require "tiexec.compare.words"

local picture = {}

local LABEL <const> = 18 -- columns of a line before its bar
local BAR <const> = 14 -- columns of the longest bar
local names <const> = { plain = "plain", warm = "plain, cache warm", tiexec = "tiexec" }

-- ---- what is told ------------------------------------------------------------------------------

--- Reads what the demo has left in a folder.
function picture.gather(folder)
    local found = { rows = {} }
    for line in io.lines(folder .. "/rows") do
        local name, small, small_kib, huge, huge_mib = line:match("^(.-)\t(%d+)\t(%d+)\t(%d+)\t(%d+)$")
        found.rows[#found.rows + 1] = { name = name, small = math.tointeger(small), huge = math.tointeger(huge),
            small_kib = math.tointeger(small_kib), huge_mib = math.tointeger(huge_mib) }
    end
    for line in io.lines(folder .. "/facts") do
        local key, value = line:match("^(%S+) (.*)$")
        found[key] = value
    end
    local file <close> = assert(io.open(folder .. "/compare.json"))
    local compared = assert(json.decode(file:read("a")))
    local cpu = compared.quantities["CPU time"]
    local command = compared.command:gsub("^%S+/", "")
    found.compare = { command = command, notes = compared.notes, pairs = compared.pairs, ways = {} }
    for _, name in ipairs { "plain", "warm", "tiexec" } do
        local change = cpu.against.plain and cpu.against.plain[name]
        found.compare.ways[#found.compare.ways + 1] = { name = name, seconds = cpu.medians[name],
            verdict = change and change.verdict, ratio = change and change.ratio, low = change and change.low,
            high = change and change.high }
    end
    return found
end

-- The share of a row's text that is on huge pages.
local function share(row)
    local small, huge = row.small * row.small_kib, row.huge * row.huge_mib * 1024
    return huge / (small + huge)
end

-- How many places of a huge page the text takes.
local function places(row)
    return math.max(1, math.ceil((row.small * row.small_kib / 1024 + row.huge * row.huge_mib) / row.huge_mib))
end

local function pages(row)
    local list = {}
    if row.huge > 0 then list[1] = ("%d × %d MiB"):format(row.huge, row.huge_mib) end
    if row.small > 0 then list[#list + 1] = ("%d × %d KiB"):format(row.small, row.small_kib) end
    return table.concat(list, " and ")
end

local function change(way)
    if not way.ratio then return "" end
    local interval = way.low and (" (%s)"):format(words.interval(way)) or ", too few pairs"
    return (way.verdict == "same" and "no measurable change" or words.change(way.ratio)) .. interval
end

local function title(found)
    return ("The code of %s, %s, while it serves"):format(found.program, found.size)
end

local function second_title(found)
    return ("CPU time of %s"):format(found.compare.command)
end

-- What must be borne in mind.
local function small_print(found)
    local list = { ("%d pairs of runs, medians, 95 %% intervals; %s; %s"):format(found.compare.pairs, found.host,
        found.date) }
    for _, note in ipairs(found.compare.notes) do
        if note:find("busy") or note:find("few pairs") then list[#list + 1] = note:gsub(": %-%-seconds.*", "") end
    end
    return table.concat(list, "; ")
end

-- ---- a terminal --------------------------------------------------------------------------------

-- A way's time as a part of the longest one's.
local function part(ways, way)
    local most = 0
    for _, one in ipairs(ways) do most = math.max(most, one.seconds) end
    return way.seconds / most
end

local function pad(string, width) return string .. (" "):rep(width - utf8.len(string)) end

-- Breaks a text into lines of 78 columns.
local function wrapped(string)
    local lines, line = {}, ""
    for word in string:gmatch("%S+") do
        if utf8.len(line) + utf8.len(word) > 77 then
            lines[#lines + 1] = line
            line = ""
        end
        line = line .. " " .. word
    end
    lines[#lines + 1] = line
    return lines
end

--- The screen, a text of several lines.
-- @tparam table found
-- @func paint `paint(colour, text)`
function picture.screen(found, paint)
    local lines = { "", " " .. paint("bold", title(found)) }
    for _, row in ipairs(found.rows) do
        local count = places(row)
        local huge = math.floor(share(row) * count + 0.5)
        lines[#lines + 1] = " " .. pad(row.name, LABEL) .. paint("green", ("■"):rep(huge))
            .. paint("yellow", ("▒"):rep(count - huge)) .. "  " .. pages(row)
    end
    lines[#lines + 1] = (" %s%s a huge page  %s the same in small pages"):format((" "):rep(LABEL), paint("green", "■"),
        paint("yellow", "▒"))
    lines[#lines + 1] = ""
    lines[#lines + 1] = " " .. paint("bold", second_title(found))
    for _, way in ipairs(found.compare.ways) do
        local colour = way.name == "plain" and "yellow" or "green"
        local line = ("━"):rep(math.ceil(BAR * part(found.compare.ways, way)))
        lines[#lines + 1] = (" %s%s %s  %s"):format(pad(names[way.name], LABEL), paint(colour, line),
            words.time(way.seconds), change(way))
    end
    table.move(wrapped(small_print(found)), 1, 9, #lines + 1, lines)
    return table.concat(lines, "\n") .. "\n"
end

-- ---- a picture ---------------------------------------------------------------------------------

local WIDTH <const>, LEFT <const>, GRID <const>, LINE <const> = 860, 32, 212, 34
local style <const> = [[
<style>
  text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 15px;
    fill: #1b1f24; }
  .back { fill: #ffffff; stroke: #d1d9e0; } .title { font-size: 18px; font-weight: 600; }
  .faint { fill: #59636e; font-size: 12.5px; }
  .huge { fill: #009e73; } .small { fill: #e69f00; } .mesh { fill: url(#mesh); }
  .threads { stroke: #ffffff; stroke-width: 0.8; fill: none; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .back { fill: #0d1117; stroke: #30363d; } .faint { fill: #9198a1; }
    .threads { stroke: #0d1117; }
  }
</style>
<defs><pattern id="mesh" width="4" height="4" patternUnits="userSpaceOnUse">
  <path class="threads" d="M0 0H4M0 0V4"/></pattern></defs>
]]

local Page = {}
Page.__index = Page

function Page:text(class, x, string)
    self[#self + 1] = ('<text class="%s" x="%g" y="%g">%s</text>'):format(class, x, self.y, text.xml(string))
end

function Page:box(class, x, width)
    self[#self + 1] = ('<rect class="%s" x="%g" y="%g" width="%g" height="20" rx="2"/>'):format(class, x, self.y - 15,
        width)
end

-- The squares of a row, each the place of a huge page.
function Page:squares(row)
    local count, x = places(row), GRID
    local huge = math.floor(share(row) * count + 0.5)
    for i = 1, count do
        self:box(i <= huge and "huge" or "small", x, 20)
        if i > huge then self:box("mesh", x, 20) end
        x = x + 23
    end
    self:text("", x + 12, pages(row))
end

local function lines_of_print(found)
    local lines, line = {}, ""
    for word in small_print(found):gmatch("%S+") do
        if utf8.len(line) > 105 then lines[#lines + 1], line = line, "" end
        line = line == "" and word or line .. " " .. word
    end
    lines[#lines + 1] = line
    return lines
end

--- The picture, in SVG.
function picture.svg(found)
    local page = setmetatable({ y = 46 }, Page)
    page:text("title", LEFT, title(found))
    for _, row in ipairs(found.rows) do
        page.y = page.y + LINE
        page:text("", LEFT, row.name)
        page:squares(row)
    end
    page.y = page.y + 26
    page:text("faint", GRID, ("a square is %d MiB: one page, or %d pages of %d KiB"):format(found.rows[1].huge_mib,
        found.rows[1].huge_mib * 1024 // found.rows[1].small_kib, found.rows[1].small_kib))
    page.y = page.y + 44
    page:text("title", LEFT, second_title(found))
    for _, way in ipairs(found.compare.ways) do
        page.y = page.y + LINE
        page:text("", LEFT, names[way.name])
        local width = 300 * part(found.compare.ways, way) // 1
        page:box(way.name == "plain" and "small" or "huge", GRID, width)
        page:text("", GRID + width + 12, words.time(way.seconds) .. "  " .. change(way))
    end
    page.y = page.y + 12
    for _, line in ipairs(lines_of_print(found)) do
        page.y = page.y + 18
        page:text("faint", LEFT, line)
    end
    local height = page.y + 26
    local head = ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%g" viewBox="0 0 %d %g" role="img">\n')
        :format(WIDTH, height, WIDTH, height)
    return head .. ("<title>%s: %s, then %s</title>\n"):format(text.xml(title(found)), pages(found.rows[1]),
        pages(found.rows[2])) .. style
        .. ('<rect class="back" x="0.5" y="0.5" width="%d" height="%g" rx="8"/>\n'):format(WIDTH - 1, height - 1)
        .. table.concat(page, "\n") .. "\n</svg>\n"
end

--- Reads what was gathered.
function picture.read(path)
    local file <close> = assert(io.open(path))
    return assert(json.decode(file:read("a")))
end

-- ---- the command line ----

local command, path = ...
if command == "gather" then
    print(json.encode(picture.gather(path), { indent = true, keyorder = { "program", "size", "host", "date", "rows",
        "name", "small", "small_kib", "huge", "huge_mib", "compare", "command", "pairs", "notes", "ways", "seconds",
        "verdict", "ratio", "low", "high" } }))
elseif command == "screen" then
    io.write(picture.screen(picture.read(path), require "tiexec.base.terminal".painter(1)))
elseif command == "svg" then
    io.write(picture.svg(picture.read(path)))
end
return picture
