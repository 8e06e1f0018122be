-- SPDX-License-Identifier: Apache-2.0
-- The pictures of docs/BENCHMARKS.md, by gnuplot: each is an SVG for light pages and one for dark ones.

local support = require "tests.lib.support"

local plots = {}

local FOLDER <const> = (os.getenv("BENCH_DOCS") or "docs") .. "/benchmarks"

local themes <const> = {
    { suffix = "", paper = "#ffffff", ink = "#24292f", grid = "#d0d7de" },
    { suffix = "-dark", paper = "#0d1117", ink = "#c9d1d9", grid = "#30363d" },
}
local colours <const> = { "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00" } -- told apart by everybody

-- gnuplot's head: what all pictures have in common.
local HEAD <const> = [[
set terminal svg size 800,%d dynamic font "sans-serif,12" background "%s"
set output "%s"
set border 3 linecolor rgb "%s"
set grid linecolor rgb "%s"
set key outside top center horizontal textcolor rgb "%s" noenhanced
set tics textcolor rgb "%s" nomirror
set title "%s" textcolor rgb "%s" noenhanced
]]

local function quoted(text) return '"' .. text:gsub('[\\"]', "\\%0") .. '"' end

-- Draws a picture in each theme. `body` is gnuplot's. Gives the Markdown that shows it.
local function draw(name, title, height, body)
    os.execute("mkdir -p " .. FOLDER)
    for _, theme in ipairs(themes) do
        local path = ("%s/%s%s.svg"):format(FOLDER, name, theme.suffix)
        local ink = theme.ink
        local head = HEAD:format(height, theme.paper, path, ink, theme.grid, ink, ink, title, ink)
        local script = os.tmpname()
        support.write_file(script, head .. body:gsub("INK", ink))
        local result = support.run { "gnuplot", script }
        os.remove(script)
        if result.code ~= 0 then
            return nil, ("*No picture: gnuplot: %s*\n"):format(result.err:match("[^\n]+") or "failed")
        end
    end
    return ([[
<picture>
  <source media="(prefers-color-scheme: dark)" srcset="benchmarks/%s-dark.svg">
  <img alt="%s" src="benchmarks/%s.svg">
</picture>
]]):format(name, title, name)
end

--- Draws changes with their intervals, a line of the picture for each point.
-- @string name
-- @string title
-- @tparam table points list of `label`, and by the names of series tables with `ratio`, `low` and `high`
-- @tparam table series list of names
-- @tparam[opt] table names of the series for people
function plots.intervals(name, title, points, series, names)
    local body, tics, drawn = {}, {}, {}
    for i, point in ipairs(points) do tics[i] = ("%s %d"):format(quoted(point.label), #points - i + 1) end
    for s, way in ipairs(series) do
        local lines = {}
        for i, point in ipairs(points) do
            local at = #points - i + 1 + 0.3 - 0.6 * s / (#series + 1)
            local found = point[way]
            if found then
                lines[#lines + 1] = ("%.3f %.3f %.3f %.3f"):format(100 * found.ratio - 100, at, 100 * found.low - 100,
                    100 * found.high - 100)
            end
        end
        if #lines > 0 then
            body[#body + 1] = ("$d%d << EOD\n%s\nEOD\n"):format(s, table.concat(lines, "\n"))
            drawn[#drawn + 1] = ("$d%d using 1:2:3:4 with xerrorbars pointtype 7 pointsize 0.5 linewidth 1.5 "
                .. "linecolor rgb '%s' title %s"):format(s, colours[s], quoted((names or {})[way] or way))
        end
    end
    if #drawn == 0 then return nil, "*No picture: there were too few rounds for intervals.*\n" end
    body[#body + 1] = ("set ytics (%s) noenhanced\nset yrange [0.4:%d.6]\n"):format(table.concat(tics, ", "), #points)
    body[#body + 1] = 'set xlabel "change, %, with the interval that holds it 19 times of 20" textcolor rgb "INK"\n'
    body[#body + 1] = 'set arrow from 0, graph 0 to 0, graph 1 nohead linecolor rgb "INK"\nplot '
    body[#body + 1] = table.concat(drawn, ", \\\n  ") .. "\n"
    return draw(name, title, 110 + 18 * #points * math.max(#series, 2), table.concat(body))
end

--- Draws bars, side by side for each point.
-- @tparam table about `name`, `title`, and `unit` of the values
-- @tparam table points list of `label` and, by the names of series, numbers
-- @tparam table series list of names
function plots.bars(about, points, series)
    local lines, drawn = {}, {}
    for i, point in ipairs(points) do
        local cells = { quoted(point.label) }
        for s, way in ipairs(series) do cells[1 + s] = point[way] and ("%g"):format(point[way]) or "NaN" end
        lines[i] = table.concat(cells, " ")
    end
    for s, way in ipairs(series) do
        drawn[s] = ("$d using %d%s title %s linecolor rgb '%s'"):format(1 + s, s == 1 and ":xtic(1)" or "",
            quoted(way), colours[s])
    end
    local many = #points > 8
    return draw(about.name, about.title, many and 460 or 360, ([[
$d << EOD
%s
EOD
set style data histograms
set style fill solid
set boxwidth 0.9
set yrange [0:*]
set xtics noenhanced%s
set ylabel %s textcolor rgb "INK"
plot %s
]]):format(table.concat(lines, "\n"), many and " rotate by 35 right" or "", quoted(about.unit),
        table.concat(drawn, ", ")))
end

return plots
