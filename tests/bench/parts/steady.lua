-- SPDX-License-Identifier: Apache-2.0
-- Steady work: runs of a second or so, in which the start does not count for much.

local compared = require "tests.bench.compared"
local plots = require "tests.bench.plots"
local programs = require "tests.bench.programs"
local recorded = require "tests.bench.recorded"
local support = require "tests.lib.support"

local names <const> = { "cc1plus -O1", "clang -O1", "node tsc", "node sort, JSON", "deno sort, JSON", "bun sort, JSON",
    "rustc -O1", "go compile", "python3 sort, JSON" }
local titles <const> = { default = "tiexec" }
local POOL <const> = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"
local ENOUGH <const> = 128 -- pages of a pool, for the text of clang and its libraries

local part = {
    title = "Steady work",
    text = [[
Work of a second or so: C++ with much of the standard library, 150 generic functions of TypeScript, sorting and JSON in
JavaScript and Python, 5 functions of Rust, 300 of Go. "tiexec" is without options, `thp` makes private copies, `hot`
puts only that code on huge pages that `--record` has found hot.
]],
}

local function sets()
    local free = tonumber(support.read_file(POOL) or "") or 0
    return free >= ENOUGH and "default,thp,hugetlb,hot" or "default,thp,hot"
end

function part.cases(bench)
    return programs.cases(names, "", bench.work, function(command, i)
        local recording, why = recorded.make(command, ("%s/steady%d.lua"):format(bench.work, i))
        if not recording then return nil, why end
        return compared.run(command, sets(), bench.seconds(10, 60), { "--recording", recording })
    end)
end

function part.write(_, cases)
    local ways = { "default", "thp", "hot" }
    for _, case in ipairs(cases) do
        if case.value and compared.found(case.value, "CPU time", "plain", "hugetlb") then
            ways = { "default", "thp", "hugetlb", "hot" }
        end
    end
    local function what(quantity, baseline)
        return { quantity = quantity, baseline = baseline, names = titles,
            ways = baseline == "plain" and support.concat({ "warm" }, ways) or ways }
    end
    local plain = what("CPU time", "plain")
    local picture, why = plots.intervals("steady", "CPU time of steady work, beside plain starts",
        compared.points(cases, plain), plain.ways, titles)
    return ("CPU time:\n\n%s\n%s\n%s\nElapsed time:\n\n%s\n"):format(compared.table(cases, plain),
        compared.table(cases, what("CPU time", "warm")), picture or why,
        compared.table(cases, what("elapsed time", "plain")))
end

return part
