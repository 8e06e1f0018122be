-- SPDX-License-Identifier: Apache-2.0
-- Servers under load: each is compared with itself, on huge pages and on small ones.

local compared = require "tests.bench.compared"
local json = require "dkjson"
local loads = require "tests.lib.loads"
local plots = require "tests.bench.plots"
local support = require "tests.lib.support"
local text = require "tiexec.base.text"

local titles <const> = { postgres = "postgres, pgbench", mariadb = "mariadb, reads and writes",
    prometheus = "prometheus, range queries", node = "node, lists as JSON" }

local part = {
    title = "Servers under load",
    text = [[
`tiexec --compare --attach` puts the text of a process that serves one client on private huge pages (`thp`) and back, in
blocks of a second, in random order within pairs: what a request takes of that process's CPU time, and how many
there are in a second, on huge pages beside small ones. The requests are transactions of pgbench, which are like
TPC-B's; single statements of transactions like sysbench's oltp_read_write; rates, sums and quantiles of 40 series over
two hours; and lists of 2,000 objects. Each answer is checked, and a case in which one fails has no figures.
]],
}

-- Compares a server with itself. Gives what `--json` writes, with the number of requests.
local function compare(name, seconds)
    local load <close>, why = loads.start(name, 2 * seconds + 60) -- longer than the comparison, by far
    if not load then return nil, why end
    local result = support.run { support.tiexec, "--compare", "--json", "--sources", "thp", "--seconds",
        tostring(seconds), "--metric", load.metric, "--attach", tostring(load.pid) }
    local value = json.decode(result.out)
    if not value then return nil, result.err:match("[^\n]*") end
    if value.pairs < 10 then return nil, value.notes[1] end
    if not load.asking:is_alive() then return nil, "the load ended before the comparison" end
    local found = load:finish()
    if found.failed > 0 then return nil, ("%d requests failed: %s"):format(found.failed, found.said) end
    value.answered = found.answered
    return value
end

local function measure(name, seconds)
    local value, why = compare(name, seconds)
    if why and why:find("a signal has ended it", 1, true) then os.exit(130) end -- ^C, which this process does not see
    return value, why
end

function part.cases(bench)
    local list = {}
    for i, name in ipairs(loads.names) do
        list[i] = { name = titles[name], run = function() return measure(name, bench.seconds(8, 60)) end }
    end
    return list
end

local function row_of(case)
    local value = case.value
    local unit = value and value.quantities["CPU time per unit"]
    local rate = value and value.quantities["metric per second"]
    if not unit then return { case.name, case.why or "–", "", "", "", "" } end
    local stayed = value.kept > 0 and (" (%s on small pages, too)"):format(text.size(value.kept)) or ""
    return { case.name, ("%d"):format(value.answered), ("%.0f µs"):format(unit.small * 1e6),
        compared.cell(unit.comparison), compared.cell(rate.comparison), text.size(value.huge) .. stayed }
end

function part.write(_, cases)
    local rows = { { "", "requests", "CPU time of one, on small pages", "on huge pages", "requests in a second",
        "text on huge pages" } }
    local points = {}
    for _, case in ipairs(cases) do
        rows[#rows + 1] = row_of(case)
        local point = { label = case.name }
        for quantity, of in pairs(case.value and case.value.quantities or {}) do
            point[quantity] = of.comparison and of.comparison.low and of.comparison or nil
        end
        if case.value then points[#points + 1] = point end
    end
    local names = { ["CPU time per unit"] = "CPU time of a request", ["metric per second"] = "requests in a second" }
    local picture, why = plots.intervals("servers", "Servers under load: on huge pages, beside small ones", points,
        { "CPU time per unit", "metric per second" }, names)
    return compared.markdown(rows) .. "\n" .. (picture or why) .. "\n"
end

return part
