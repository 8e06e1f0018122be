-- SPDX-License-Identifier: Apache-2.0
--- Whether huge pages give TLB reach on this host. A virtual machine whose memory is made of small pages
-- below has small entries in the TLB whatever its own page tables say; only measuring tells.
--
-- As many cache lines are read in random order in three ways: one in each of N small pages; the same, in
-- memory of huge pages; and packed, in a few pages. What more the first cost than the last is address
-- translation, and what the second cost less than the first is what huge pages save of it.

local core = require "tiexec.core"

local c = core.constants
local probe = {}

local ROUNDS <const>, LOADS <const> = 21, 100000
local LINE <const> = 64
local sizes <const> = { 256, 4096 } -- more than a first-level TLB has entries; more than a second-level one

-- The median of a list, and bounds between which that of many more rounds would lie, 19 times of 20:
-- whatever the distribution, by the order of what was seen.
local function median_of(list)
    local sorted = table.move(list, 1, #list, 1, {})
    table.sort(sorted)
    local middle, reach = (#sorted + 1) / 2, 0.98 * math.sqrt(#sorted)
    return { median = sorted[math.ceil(middle)], low = sorted[math.max(1, math.floor(middle - reach))],
        high = sorted[math.min(#sorted, math.ceil(middle + reach))] }
end

local function chase(host, pages, size, advice)
    return core.probe_chase { pages = pages, page_size = size, align = host.huge_page_size, flags = 0,
        advice = advice, loads = LOADS }
end

-- One round: all sizes in all ways, so that whatever else the host does meets them alike.
local function run_round(host, samples)
    for i, pages in ipairs(sizes) do
        local small, why = chase(host, pages, host.page_size, c.MADV_NOHUGEPAGE)
        if not small then return nil, why end
        local huge, bytes = chase(host, pages, host.page_size, c.MADV_HUGEPAGE)
        if not huge then return nil, bytes end
        if bytes < pages * host.page_size then return nil, "the kernel gave no huge pages to measure on" end
        local packed
        packed, why = chase(host, pages, LINE, c.MADV_HUGEPAGE)
        if not packed then return nil, why end
        table.insert(samples[i].small, small)
        table.insert(samples[i].huge, huge)
        table.insert(samples[i].packed, packed)
    end
    return true
end

--- Measures: about a second.
-- @treturn[1] table list of `pages`, and `small`, `huge`, `packed`: nanoseconds for each load, round by round
-- @treturn[2] nil, string why not
function probe.measure(host)
    local samples = {}
    for i, pages in ipairs(sizes) do samples[i] = { pages = pages, small = {}, huge = {}, packed = {} } end
    for _ = 1, ROUNDS do
        local ok, why = run_round(host, samples)
        if not ok then return nil, why end
    end
    return samples
end

-- Of what small pages cost more than packed ones, the part that huge pages save: 0 to 1, with bounds. nil:
-- they cost hardly more.
local function saved(sample)
    local list = {}
    for i, small in ipairs(sample.small) do
        local cost = small - sample.packed[i]
        if cost > sample.packed[i] / 4 then
            list[#list + 1] = math.max(0, math.min(1, (small - sample.huge[i]) / cost))
        end
    end
    return #list > #sample.small / 2 and median_of(list) or nil
end

-- What measurements of one number of pages come to.
local function judge_case(sample)
    return { pages = sample.pages, small = median_of(sample.small), huge = median_of(sample.huge),
        packed = median_of(sample.packed), saved = saved(sample) }
end

local FULL <const>, LITTLE <const>, NOISE <const> = 0.8, 0.25, 0.5
local ONE_ENTRY <const> = 1.5 -- how much slower places all over a huge page may be, were one TLB entry enough

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

--- What measurements mean.
-- @tparam table samples as `probe.measure` gives them, the fewest pages first
-- @treturn table `verdict`: full, part, little, unsure, unknown; `text`; `cases`, list of `pages`, `small`, `huge`,
-- `packed` (nanoseconds) and `saved` (of what TLB misses cost; or nil), each with `median` and bounds, `low` and
-- `high`; `slowdown`: of places all over one huge page against the same number packed; `splintered`: that is
-- more than one TLB entry for the page would cost
function probe.judge(samples)
    local result = { cases = {} }
    for i, sample in ipairs(samples) do result.cases[i] = judge_case(sample) end
    local first = result.cases[1]
    result.slowdown = first.huge.median / first.packed.median
    result.splintered = result.slowdown >= ONE_ENTRY
    result.verdict = verdict_on(result.cases, result.slowdown)
    result.text = words[result.verdict]
    return result
end

return probe
