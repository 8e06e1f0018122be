-- SPDX-License-Identifier: Apache-2.0
-- Whether `--record` agrees with perf, and what it costs.

local compared = require "tests.bench.compared"
local core = require "tiexec.core"
local programs = require "tests.bench.programs"
local support = require "tests.lib.support"

local loop <const> = { support.programs .. "burning", "800" }

local part = {
    title = "Recording",
    text = [[
`perf record -e cpu-clock:u -F 1000` and `tiexec --record` sample the same run, cc1plus -O1 several times: how the
samples of all pages of 4 KiB correlate that one of the two has samples in. Both draw samples, so that few of them agree
less. And what `--record` costs at 1000 samples in a second: the change of CPU time of all processes, its own included,
beside the same command without it; also of a loop of a second, whose time varies less. Where there are no counters,
each sample takes an interrupt of a timer, which a virtual machine pays for: what a thousand of them cost in a second is
told by perf, with samples of the kernel's own code alone, of which such a loop has hardly any.
]],
}

-- The samples of a recording by "path page".
local function pages_of(one)
    local pages = {}
    for _, object in ipairs(one.objects) do
        for page, samples in pairs(object.pages) do pages[object.path .. " " .. page] = samples end
    end
    return pages
end

-- Pearson's correlation of two tables of counts, over all keys that are in one of them.
local function correlate(a, b)
    local keys, n = {}, 0
    for _, counts in ipairs { a, b } do
        for key in pairs(counts) do
            if not keys[key] then keys[key], n = true, n + 1 end
        end
    end
    local sums = { a = 0, b = 0, aa = 0, bb = 0, ab = 0 }
    for key in pairs(keys) do
        local x, y = a[key] or 0, b[key] or 0
        sums.a, sums.b, sums.ab = sums.a + x, sums.b + y, sums.ab + x * y
        sums.aa, sums.bb = sums.aa + x * x, sums.bb + y * y
    end
    local across = sums.ab - sums.a * sums.b / n
    return across / math.sqrt((sums.aa - sums.a ^ 2 / n) * (sums.bb - sums.b ^ 2 / n)), n
end

local function read(path)
    local f = load(support.read_file(path) or "return nil", "=recording", "t", {})
    return f and f()
end

local function agreement(bench)
    local command, why = programs.command("cc1plus -O1", bench.work)
    if not command then return nil, why end
    local folder <close> = support.folder()
    local at, quoted = folder.path, support.quote(command)
    local times = bench.seconds(6, 15)
    local result = support.shell(([[
        mkdir %s/own
        perf record -q -e cpu-clock:u -F 1000 -o %s/data -- %s --record -o %s/own -- \
            sh -c 'i=%d; while [ $i -gt 0 ]; do "$@"; i=$((i - 1)); done' sh %s
        perf script -i %s/data --no-demangle --show-mmap-events -F pid,ip,sym,dso >%s/script 2>/dev/null
        %s --record --report %s/script -o %s/perf.lua >/dev/null]]):format(at, at, support.tiexec, at, times, quoted,
        at, at, support.tiexec, at, at))
    local image = assert(core.image(command[1]))
    local own, its = read(("%s/own/%s.lua"):format(at, image.build_id)), read(at .. "/perf.lua")
    if not own or not its then return nil, "no samples: " .. (result.err:match("[^\n]+") or "perf is not here") end
    local value, pages = correlate(pages_of(own), pages_of(its))
    return { own = own.samples, perf = its.samples, pages = pages, correlation = value }
end

local function cost(bench, command)
    local tiexec = core.realpath(support.tiexec)
    return compared.run(support.concat({ "sh", "-c", 'exec $WRAP "$@"', "sh" }, command),
        ("without+WRAP=%s --record -o /dev/null --"):format(tiexec), bench.seconds(10, 60))
end

-- 1000 interrupts in a second beside 100 of them, none of which takes a sample.
local function cost_of_interrupts(bench)
    return compared.run(support.concat({ "sh", "-c",
        'exec perf record -q -o /dev/null -e cpu-clock:k -F ${OFTEN:-100} -- "$@"', "sh" }, loop),
        "without+OFTEN=1100", bench.seconds(10, 60))
end

function part.cases(bench)
    return { { name = "agreement", run = function() return agreement(bench) end },
        { name = "cost", run = function()
            local command, why = programs.command("cc1plus -O1", bench.work)
            if not command then return nil, why end
            return cost(bench, command)
        end },
        { name = "cost of a loop", run = function() return cost(bench, loop) end },
        { name = "cost of interrupts", run = function() return cost_of_interrupts(bench) end } }
end

-- Adds the changes of CPU time of a comparison.
local function add_costs(rows, value, what)
    for _, way in ipairs(value and value.ways or {}) do
        local change = compared.found(value, "CPU time", "warm", way.name)
        if change then
            rows[#rows + 1] = { ("CPU time of %s, %%"):format(what), compared.cell(change) }
        end
    end
end

function part.write(_, cases)
    local found = cases[1].value
    local rows = { { "", "figures" } }
    if found then
        rows[2] = { "samples of tiexec and of perf", ("%d, %d"):format(found.own, found.perf) }
        rows[3] = { "pages with samples", ("%d"):format(found.pages) }
        rows[4] = { "correlation", ("%.3f"):format(found.correlation) }
    end
    add_costs(rows, cases[2].value, "cc1plus with `--record`")
    add_costs(rows, cases[3].value, "a loop of a second with `--record`")
    add_costs(rows, cases[4].value, "such a loop with 1000 interrupts, which take no samples")
    return compared.markdown(rows)
end

return part
