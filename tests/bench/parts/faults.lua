-- SPDX-License-Identifier: Apache-2.0
-- Page faults: nothing is measured here, as each comparison counts them.

local compared = require "tests.bench.compared"
local support = require "tests.lib.support"

local part = {
    title = "Page faults",
    text = [[
Of all processes of a run, in the comparisons above. A huge page of the page cache is one page fault for 512 small
pages, of which the kernel maps some at a time; tiexec itself, and a private copy, have page faults of their own.
]],
}

function part.cases() return {} end

function part.write(bench)
    local cases = support.concat(bench.measured "start", bench.measured "jobs", bench.measured "steady")
    return compared.table(cases, { quantity = "page faults", baseline = "plain", ways = { "warm", "default", "thp" },
        names = { default = "tiexec" } })
end

return part
