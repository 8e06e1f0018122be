-- SPDX-License-Identifier: Apache-2.0
-- The model of instruction TLBs: see tests/bench/model.lua.

local compared = require "tests.bench.compared"
local model = require "tests.bench.model"
local plots = require "tests.bench.plots"
local programs = require "tests.bench.programs"

-- The commands, and how many millions of instructions their starts take.
local commands <const> = { { "cc1plus -O1", 200 }, { "clang -O1", 200 }, { "node tsc", 400 },
    { "node sort, JSON", 200 }, { "python3 sort, JSON", 100 } }

local part = {
    title = "Modelled TLB misses",
    text = [[
**This is a model, and no measurement**: it tells what fewer and larger pages do to an instruction TLB where a host has
no counters. qemu-user writes down which pages the first thread of a program fetches 100 million instructions from,
behind its start; these go through the instruction TLBs of three CPUs as their makers describe them, once with all text
on pages of 4 KiB and once with those huge pages that tiexec makes. `tiexec --record=tlb CMD` does the same for CMD.

Assumed is what the makers do not tell: the least recently used entry is replaced, and the low bits of a page's number
choose the set. Left out is what data take of a second level that they share (skylake, neoverse-n1), what other
processes, the kernel, coalescing of neighbours and prefetching change, and that a walk costs less where its tables are
cached. Misses are of the first level; a walk is a miss of both. Both are in a thousand instructions.
]],
}

function part.cases(bench)
    local list = {}
    for i, entry in ipairs(commands) do
        list[i] = { name = entry[1], run = function()
            local command, why = programs.command(entry[1], bench.work)
            if not command then return nil, why end
            local slots, trace
            trace, why = model.trace(command, bench.work .. "/trace", entry[2] * 1000000)
            if not trace then return nil, why end
            slots, why = model.slots(command, {})
            if not slots then return nil, why end
            local value = model.run(trace, { small = {}, huge = slots })
            os.remove(trace.path)
            return value
        end }
    end
    return list
end

function part.write(_, cases)
    local makers = { { "CPU", "first level", "for 2 MiB", "second level", "from" } }
    for _, cpu in ipairs(model.cpus) do
        makers[#makers + 1] = { cpu.name, cpu.first, cpu.huge, cpu.second, cpu.from }
    end
    local rows = { { "", "CPU", "misses, small pages", "with tiexec", "walks, small pages", "with tiexec" } }
    local points = {}
    for _, case in ipairs(cases) do
        if not case.value then rows[#rows + 1] = { case.name, case.why, "", "", "", "" } end
        for _, cpu in ipairs(case.value and model.cpus or {}) do
            local small, huge = case.value.small[cpu.name], case.value.huge[cpu.name]
            rows[#rows + 1] = { case.name, cpu.name, ("%.3f"):format(small.misses), ("%.3f"):format(huge.misses),
                ("%.4f"):format(small.walks), ("%.4f"):format(huge.walks) }
            points[#points + 1] = { label = case.name:gsub(" sort, JSON", "") .. ", " .. cpu.name,
                ["small pages"] = small.misses, ["with tiexec"] = huge.misses }
        end
    end
    local picture, why = plots.bars({ name = "tlb", title = "Model: misses of the first level in 1000 instructions",
        unit = "misses" }, points, { "small pages", "with tiexec" })
    return compared.markdown(makers, true) .. "\n" .. compared.markdown(rows) .. "\n" .. (picture or why) .. "\n"
end

return part
