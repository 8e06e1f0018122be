-- SPDX-License-Identifier: Apache-2.0
-- The strategy hot with 8, 16 and 32 pages: the share of the samples, modelled misses, and time.

local compared = require "tests.bench.compared"
local model = require "tests.bench.model"
local programs = require "tests.bench.programs"
local recorded = require "tests.bench.recorded"
local support = require "tests.lib.support"

local commands <const> = { { "cc1plus -O1", 200 }, { "node sort, JSON", 200 }, { "clang -O1", 200 } }
local limits <const> = { 8, 16, 32 }

local part = {
    title = "Huge pages for hot code alone",
    text = [[
`--strategy hot` with a recording of the same command, and no more than 8, 16 or 32 huge pages, beside the default,
which takes all text: how many pages it takes, the share of all samples in them, [modelled](#modelled-tlb-misses) misses
of the first level and walks in a thousand instructions, and the change of CPU time beside plain starts.
]],
}

local function set_of(limit) return "hot:max-pages=" .. limit end

-- What hot takes: the number of pages, and the share of the samples.
local function served(command, recording, limit)
    local said = support.run(support.concat({ support.tiexec, "-n", "--strategy", "hot", "--recording", recording,
        "--max-pages", tostring(limit), "--" }, command))
    local pages, share = (said.out .. said.err):match("(%d+) huge pages,%s+which%s+have%s+([%d.]+)")
    return { pages = tonumber(pages), share = tonumber(share) }
end

-- The model, for small pages, for all text, and for each limit.
local function modelled(command, recording, skip, folder)
    local trace, why = model.trace(command, folder .. "/trace", skip * 1000000)
    if not trace then return nil, why end
    local plans = { small = {}, all = model.slots(command, {}) or {} }
    for _, limit in ipairs(limits) do
        plans[tostring(limit)] = model.slots(command, { strategy = "hot", recording = recording,
            ["max-pages"] = limit }) or {}
    end
    local found = model.run(trace, plans)
    os.remove(trace.path)
    return found
end

local function measure(bench, name, skip)
    local command, why = programs.command(name, bench.work)
    if not command then return nil, why end
    local recording
    recording, why = recorded.make(command, bench.work .. "/hot.lua")
    if not recording then return nil, why end
    local value, sets = { served = {} }, { "default" }
    for i, limit in ipairs(limits) do
        value.served[tostring(limit)] = served(command, recording, limit)
        sets[i + 1] = set_of(limit)
    end
    value.model, value.lacks = modelled(command, recording, skip, bench.work)
    value.compared, why = compared.run(command, table.concat(sets, ","), bench.seconds(10, 60),
        { "--recording", recording })
    return value.compared and value, why
end

function part.cases(bench)
    local list = {}
    for i, entry in ipairs(commands) do
        list[i] = { name = entry[1], run = function() return measure(bench, entry[1], entry[2]) end }
    end
    return list
end

local function misses(value, plan)
    local cells = {}
    for i, cpu in ipairs(model.cpus) do
        local found = value.model and value.model[plan][cpu.name]
        cells[i] = found and ("%.3f, %.4f"):format(found.misses, found.walks) or "–"
    end
    return cells
end

function part.write(_, cases)
    local names = {}
    for i, cpu in ipairs(model.cpus) do names[i] = cpu.name end
    local rows = { support.concat({ "", "pages", "samples in them, %" }, names, { "CPU time" }) }
    local function add(name, pages, share, cells, change)
        rows[#rows + 1] = support.concat({ name, pages, share }, cells, { change })
    end
    for _, case in ipairs(cases) do
        local value = case.value
        if not value then add(case.name, case.why, "", { "", "", "" }, "") end
        if value then
            add(case.name, "small pages", "", misses(value, "small"), "0")
            for _, limit in ipairs(limits) do
                local of = value.served[tostring(limit)]
                add(("hot, %d at most"):format(limit), ("%d"):format(of.pages or 0), ("%.1f"):format(of.share or 0),
                    misses(value, tostring(limit)),
                    compared.cell(compared.found(value.compared, "CPU time", "plain", set_of(limit))))
            end
            add("all text", "", "", misses(value, "all"),
                compared.cell(compared.found(value.compared, "CPU time", "plain", "default")))
        end
    end
    return compared.markdown(rows)
end

return part
