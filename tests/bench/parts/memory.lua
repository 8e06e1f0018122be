-- SPDX-License-Identifier: Apache-2.0
-- The memory of many processes of one program.

local compared = require "tests.bench.compared"
local plots = require "tests.bench.plots"
local pss = require "tests.lib.pss"
local support = require "tests.lib.support"

local COUNT <const> = 20
local POOL <const> = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"
local names <const> = { "plain", "file", "shared", "thp", "hugetlb" }

local part = {
    title = "Memory",
    text = [[
20 processes at once that have read all of their 100 MiB of text: the sum of Pss of their text, in MiB.
]],
}

function part.cases()
    local list = {}
    for i, name in ipairs(names) do
        list[i] = { name = name, run = function()
            local free = tonumber(support.read_file(POOL) or "") or 0
            if name == "hugetlb" and free < COUNT * 52 then
                return nil, ("sysctl vm.nr_hugepages=%d adds it"):format(COUNT * 52)
            end
            local sum, least = pss.of(COUNT, name ~= "plain" and name or nil)
            return { mib = sum / (1 << 20), huge = least / (1 << 20) }
        end }
    end
    return list
end

function part.write(_, cases)
    local rows, points = { { "", "MiB", "beside plain", "huge in each, MiB" } }, {}
    local plain = cases[1].value
    for _, case in ipairs(cases) do
        local value = case.value
        rows[#rows + 1] = { case.name, value and ("%.1f"):format(value.mib) or case.why,
            value and plain and ("%.3f"):format(value.mib / plain.mib) or "",
            value and ("%.0f"):format(value.huge) or "" }
        if value then points[#points + 1] = { label = case.name, MiB = value.mib } end
    end
    local picture, why = plots.bars({ name = "memory", title = "Memory of the text of 20 processes", unit = "MiB" },
        points, { "MiB" })
    return compared.markdown(rows) .. "\n" .. (picture or why) .. "\n"
end

return part
