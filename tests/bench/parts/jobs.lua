-- SPDX-License-Identifier: Apache-2.0
-- Short jobs: what a build or a shell starts time and again.

local compared = require "tests.bench.compared"
local plots = require "tests.bench.plots"
local programs = require "tests.bench.programs"

local names <const> = { "cc1plus -O1, short", "clang -fsyntax-only", "clang -O1, short", "node -e", "git status",
    "python3 -c" }
local titles <const> = { default = "tiexec" }

local part = {
    title = "Short jobs",
    text = [[
Jobs of some hundredths of a second: a C file of 40 functions, a line of JavaScript, the state of this tree, three
modules of Python.
]],
}

function part.cases(bench)
    return programs.cases(names, "", bench.work, function(command)
        return compared.run(command, "default,thp", bench.seconds(5, 20))
    end)
end

function part.write(_, cases)
    local plain = { quantity = "CPU time", baseline = "plain", ways = { "warm", "default", "thp" }, names = titles }
    local warm = { quantity = "CPU time", baseline = "warm", ways = { "default", "thp" }, names = titles }
    local picture, why = plots.intervals("jobs", "CPU time of short jobs, beside plain starts",
        compared.points(cases, plain), plain.ways, titles)
    return compared.table(cases, plain) .. "\n" .. compared.table(cases, warm) .. "\n" .. (picture or why) .. "\n"
end

return part
