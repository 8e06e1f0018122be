-- SPDX-License-Identifier: Apache-2.0
--- Measures whether huge pages give TLB reach on this host. In a virtual machine whose memory is
-- made of small pages below, the TLB has small entries, whatever the machine's own page tables
-- say. Only measuring tells.
--
-- N cache lines are visited in random order, by loads or by jumps from one to the next, in three
-- ways: one in each of N small pages ("small"); as far apart, in memory of huge pages ("huge"); and
-- side by side ("packed"). The lines of the first way cost more than packed ones, and the
-- difference is address translation. Those of the second way cost less than those of the first, and
-- the difference is what huge pages save. What they save of the cost of jumps is the share of the
-- gain that code on huge pages can have here.

local core = require "tiexec.core"

local c = core.constants
local probe = {}

-- Address translation is seen if it costs more than this part of the time of a packed load.
local SEEN <const> = 0.25

-- The parts of that cost which huge pages save at least, or at most, for the verdicts "full" and
-- "little"; and how far apart the bounds of such a part may be.
local FULL <const>, LITTLE <const>, NOISE <const> = 0.8, 0.25, 0.5

-- Where one TLB entry serves a huge page, places all over it are less than so many times slower
-- than packed ones.
local ONE_ENTRY <const> = 1.5

local ROUNDS <const>, LOADS <const> = 21, 100000
local LINE <const> = 64

local CODE <const> = 16 << 20 -- bytes of code that is jumped through, a place in each small page

-- How many places are visited: more than a TLB of the first level has entries, and more than one of
-- the second level has.
local function cases_of(host)
    return { { kind = "data", pages = 256 }, { kind = "data", pages = 4096 },
        { kind = "code", pages = CODE // host.page_size } }
end

-- Gives the median of a list with Bounds. In 19 cases of 20 the median of many more rounds would
-- lie between them. They follow from the order of the values alone, whatever the distribution.
local function median_of(list)
    local sorted = table.move(list, 1, #list, 1, {})
    table.sort(sorted)
    local middle, reach = (#sorted + 1) / 2, 0.98 * math.sqrt(#sorted)
    return { median = sorted[math.ceil(middle)],
        low = sorted[math.max(1, math.floor(middle - reach))],
        high = sorted[math.min(#sorted, math.ceil(middle + reach))] }
end

-- Visits the places of a case, which are `size` bytes apart. Gives nanoseconds for each, and the
-- bytes of the memory that are on huge pages; or nil and why not.
local function chase(host, case, size, advice)
    local visit = case.kind == "code" and core.probe_jumps or core.probe_chase
    return visit { pages = case.pages, page_size = size, align = host.huge_page_size, flags = 0,
        advice = advice, loads = LOADS }
end

-- Measures a case once in each way.
local function run_case(host, case)
    local small, why = chase(host, case, host.page_size, c.MADV_NOHUGEPAGE)
    if not small then return nil, why end
    local huge, bytes = chase(host, case, host.page_size, c.MADV_HUGEPAGE)
    if not huge then return nil, bytes end
    if bytes < case.pages * host.page_size then
        return nil, "the kernel gave no huge pages to measure on"
    end
    local packed
    packed, why = chase(host, case, LINE, c.MADV_HUGEPAGE)
    if not packed then return nil, why end
    table.insert(case.small, small)
    table.insert(case.huge, huge)
    table.insert(case.packed, packed)
    return true
end

-- Runs one round of all cases, so that other work on the host meets them alike. A host that lets
-- nobody execute what was written has no case of code.
local function run_round(host, samples)
    for i = #samples, 1, -1 do
        local ok, why = run_case(host, samples[i])
        if not ok and samples[i].kind == "data" then return nil, why end
        if not ok then table.remove(samples, i) end
    end
    return true
end

--- Measures, for a second or two.
-- @tparam Host host with huge pages
-- @treturn[1] table list of ProbeSample, the fewest places first, code last
-- @treturn[2] nil, string why it could not be measured
function probe.measure(host)
    local samples = cases_of(host)
    for _, sample in ipairs(samples) do sample.small, sample.huge, sample.packed = {}, {}, {} end
    for _ = 1, ROUNDS do
        local ok, why = run_round(host, samples)
        if not ok then return nil, why end
    end
    return samples
end

-- Gives the part of the cost of address translation that huge pages save, 0 to 1, as Bounds. nil:
-- in half of the rounds or more that cost could hardly be seen.
local function saved(sample)
    local list = {}
    for i, small in ipairs(sample.small) do
        local cost = small - sample.packed[i]
        if cost > sample.packed[i] * SEEN then
            list[#list + 1] = math.max(0, math.min(1, (small - sample.huge[i]) / cost))
        end
    end
    return #list > #sample.small / 2 and median_of(list) or nil
end

local function judge_case(sample)
    return { kind = sample.kind, pages = sample.pages, small = median_of(sample.small),
        huge = median_of(sample.huge), packed = median_of(sample.packed), saved = saved(sample) }
end

local words <const> = {
    full = "huge pages give full TLB reach here",
    part = "huge pages save only a part of what TLB misses cost here: expect a part of the gain",
    little = "huge pages hardly save TLB misses here: expect little gain",
    unsure = "the times differ too much to tell: try again when the host is quiet",
    unknown = "TLB misses cost nothing that could be seen here, so nothing can be told",
}

local function verdict_on(cases, slowdown)
    local least, most
    for _, case in ipairs(cases) do
        local bounds = case.saved
        if bounds and bounds.high - bounds.low > NOISE then return "unsure" end
        if bounds then
            least, most = math.min(least or 1, bounds.low), math.max(most or 0, bounds.high)
        end
    end
    if not least then return "unknown" end
    if most <= LITTLE then return "little" end
    return least >= FULL and slowdown < ONE_ENTRY and "full" or "part"
end

--- Tells what measurements mean.
-- @tparam table samples list of ProbeSample, as `probe.measure` gives it
-- @treturn ProbeVerdict
function probe.judge(samples)
    local result = { cases = {} }
    for i, sample in ipairs(samples) do
        result.cases[i] = judge_case(sample)
        if sample.kind == "code" then result.share = result.cases[i].saved end
    end
    local first = result.cases[1]
    result.slowdown = first.huge.median / first.packed.median
    result.splintered = result.slowdown >= ONE_ENTRY
    result.verdict = verdict_on(result.cases, result.slowdown)
    result.text = words[result.verdict]
    return result
end

return probe
