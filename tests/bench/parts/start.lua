-- SPDX-License-Identifier: Apache-2.0
-- What a start costs: programs that hardly do more than that.

local compared = require "tests.bench.compared"
local plots = require "tests.bench.plots"
local programs = require "tests.bench.programs"

local names <const> = { "true", "git", "python3", "node", "cc1plus", "clang", "promtool", "deno", "bun" }

local part = {
    title = "Start-up",
    text = [[
Programs that start and end (`--version`, an empty file). CPU time of all processes, the tracer of tiexec among them.
The huge pages that tiexec leaves in the page cache serve each later start, also a plain one (*warm*); making sure of
them costs tiexec some milliseconds. `true` has no huge text at all: what it shows as *warm* is of the plain baseline
itself, whose files are copies.
]],
}

function part.cases(bench)
    return programs.cases(names, " start", bench.work, function(command)
        return compared.run(command, "default", bench.seconds(5, 12))
    end)
end

function part.write(_, cases)
    local titles = { default = "tiexec" }
    local plain = { quantity = "CPU time", baseline = "plain", ways = { "warm", "default" }, names = titles }
    local warm = { quantity = "CPU time", baseline = "warm", ways = { "default" }, names = titles }
    local picture, why = plots.intervals("start", "CPU time of starts, beside plain ones",
        compared.points(cases, plain), plain.ways, titles)
    return compared.table(cases, plain) .. "\n" .. compared.table(cases, warm) .. "\n" .. (picture or why) .. "\n"
end

return part
