-- SPDX-License-Identifier: Apache-2.0
-- Intervals hold the truth as often as they say: in simulated comparisons with the noise, the outliers and the drift of
-- a busy host. The random numbers are the same in each run.

local statistics = require "tiexec.compare.statistics"

local COMPARISONS <const> = 2000

-- A normally distributed number (by Box and Muller).
local function normal()
    return math.sqrt(-2 * math.log(1 - math.random())) * math.cos(2 * math.pi * math.random())
end

-- Simulates pairs of runs; `host` has `noise`, `outliers` (their share) and `drift` (of the pace, from the first pair
-- to the last). What the second of a pair takes is `truth` times what it would have taken as the first.
local function simulate(host, pairs_of_runs, truth)
    local before, after = {}, {}
    local function run(at)
        local far = math.random() < host.outliers and 1 + 4 * math.random() or 1
        return math.exp(host.noise * normal()) * far * (1 + host.drift * at / (2 * pairs_of_runs))
    end
    for i = 1, pairs_of_runs do
        local first, second = run(2 * i), run(2 * i + 1)
        local is_swapped = math.random() < 0.5
        before[i] = is_swapped and second or first
        after[i] = (is_swapped and first or second) * truth
    end
    return statistics.compare(before, after)
end

local hosts = {
    quiet = { noise = 0.005, outliers = 0, drift = 0 },
    busy = { noise = 0.05, outliers = 0.1, drift = 0 },
    heating = { noise = 0.02, outliers = 0.05, drift = 0.5 },
}

-- How many of COMPARISONS hold the truth, and the counts of their verdicts.
local function count(host, pairs_of_runs, truth)
    local held, verdicts = 0, { less = 0, same = 0, more = 0 }
    for _ = 1, COMPARISONS do
        local result = simulate(host, pairs_of_runs, truth)
        if result.low <= truth and truth <= result.high then held = held + 1 end
        verdicts[result.verdict] = verdicts[result.verdict] + 1
    end
    return held / COMPARISONS, verdicts
end

describe("an interval of 95 %", function()
    before_each(function() math.randomseed(15) end)

    for name, host in pairs(hosts) do
        for _, number in ipairs { 6, 10, 25 } do
            it(("holds the truth on a %s host, with %d pairs"):format(name, number), function()
                for _, truth in ipairs { 1, 1.03 } do
                    local rate, verdicts = count(host, number, truth)
                    assert.is_true(rate >= 0.94, ("%.3f of the intervals hold %.2f"):format(rate, truth))
                    if truth == 1 then assert.is_true(verdicts.same >= 0.94 * COMPARISONS) end
                end
            end)
        end
    end

    it("would be seen not to hold it, if the sides of a pair were not swapped", function()
        local held = 0
        for _ = 1, COMPARISONS do
            local before, after = {}, {}
            for i = 1, 25 do
                before[i] = (1 + 0.002 * i) * math.exp(0.001 * normal())
                after[i] = (1.002 + 0.002 * i) * math.exp(0.001 * normal())
            end
            local result = statistics.compare(before, after)
            if result.low <= 1 and 1 <= result.high then held = held + 1 end
        end
        assert.is_true(held < 0.9 * COMPARISONS)
    end)

    it("is the narrowest of those that the order of the values gives", function()
        local list = {}
        for i = 1, 25 do list[i] = i end
        assert.same({ 8, 18 }, { statistics.interval(list) }) -- 1 - 2 P(B(25, 1/2) <= 7) = 0.957
        assert.same({ 2, 9 }, { statistics.interval(table.move(list, 1, 10, 1, {})) }) -- 0.979
        assert.is_nil(statistics.interval(table.move(list, 1, 5, 1, {})))
    end)

    it("excludes 1 for a change that is larger than the noise", function()
        local _, verdicts = count(hosts.busy, 25, 0.8)
        assert.is_true(verdicts.less > 0.97 * COMPARISONS)
        assert.equal(0, verdicts.more)
    end)
end)

describe("a comparison", function()
    before_each(function() math.randomseed(15) end)

    it("takes changes that are too small to matter for none, and still shows the interval", function()
        local before, after = {}, {}
        for i = 1, 20 do before[i], after[i] = 1, 1.002 end
        local result = statistics.compare(before, after)
        assert.equal("same", result.verdict)
        assert.same({ 1.002, 1.002 }, { result.low, result.high })
    end)

    it("says nothing of fewer than six pairs", function()
        assert.equal("unknown", statistics.compare({ 1, 1, 1, 1, 1 }, { 2, 2, 2, 2, 2 }).verdict)
        assert.equal("more", statistics.compare({ 1, 1, 1, 1, 1, 1 }, { 2, 2, 2, 2, 2, 2 }).verdict)
        assert.is_nil(statistics.compare({}, {}))
        assert.is_nil(statistics.compare({ 0, 1 }, { 1, 1 }))
    end)

    it("tells of values that lie far from the others, and keeps them", function()
        assert.same({ 3, 0.2 }, statistics.far { 1, 1.01, 0.99, 3, 1.02, 0.98, 0.2, 1 })
        assert.same({}, statistics.far { 1, 1.01, 0.99, 1.02, 0.98, 1 })
        assert.same({}, statistics.far { 1, 1, 1, 1, 1.001 })
        assert.same({}, statistics.far {})
    end)

    it("tells of a change of pace", function()
        local slower, same, odd = {}, {}, {}
        for i = 1, 30 do
            slower[i] = 1 + 0.01 * i + 0.01 * math.random()
            same[i] = 1 + 0.1 * math.random()
            odd[i] = i == 29 and 9 or 1
        end
        assert.is_true(math.abs(statistics.pace(slower) - 1.14) < 0.05)
        assert.is_nil(statistics.pace(same))
        assert.is_nil(statistics.pace(odd))
        assert.is_nil(statistics.pace { 1, 2, 3 })
    end)
end)
