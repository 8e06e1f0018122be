-- SPDX-License-Identifier: Apache-2.0
-- How much of the text is huge: nothing is measured here, as each comparison says so of its warm-up run.

local compared = require "tests.bench.compared"
local support = require "tests.lib.support"

local part = {
    title = "Coverage",
    text = [[
How much of the text of the programs above is on huge pages, with their libraries, and by which sources, as tiexec reads
it in smaps. [COVERAGE.md](COVERAGE.md) tells more, of many programs, and what stops the rest.
]],
}

function part.cases() return {} end

function part.write(bench)
    local rows = { { "", "text", "on huge pages", "by" } }
    for _, case in ipairs(support.concat(bench.measured "start", bench.measured "steady")) do
        for _, way in ipairs(case.value and case.value.ways or {}) do
            local huge, text, by = (way.coverage or ""):match("^(%S+ %S+) of (%S+ %S+) of text on huge pages,? ?(.*)$")
            if way.name == "default" and huge then
                rows[#rows + 1] = { case.name, text, huge, (by:gsub("^by ", "")) }
            end
        end
    end
    return compared.markdown(rows, true)
end

return part
