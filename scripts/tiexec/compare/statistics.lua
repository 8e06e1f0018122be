-- SPDX-License-Identifier: Apache-2.0
--- What can be said of paired measurements. All functions are pure. Nothing is assumed of how the
-- values are distributed, and no value is left out: medians and their intervals follow from the
-- order of the values alone.

local statistics = {}

-- The probability with which an interval holds the median of ever more pairs, at least.
local CONFIDENCE <const> = 0.95

-- A pair lies far from the others if its ratio differs from theirs so many times more than theirs
-- do, half of them, from one another.
local FAR <const> = 6

-- The pace has changed if the runs of one half took longer than those of the other by this part,
-- and the order of them all says so as well, with this many standard deviations.
local PACE <const>, SURE <const> = 0.05, 2.6

--- The least number of pairs that an interval needs.
statistics.FEWEST = 6

--- Changes by less than this part are not told apart from none. Where a program happens to lie in
-- memory and in caches makes as much difference, and no number of pairs averages that out.
statistics.LEAST = 0.005

local function sorted(list)
    local copy = table.move(list, 1, #list, 1, {})
    table.sort(copy)
    return copy
end

--- Gives the median.
-- @tparam table list of at least one number
-- @treturn number
function statistics.median(list)
    local values = sorted(list)
    local middle = (#values + 1) // 2
    return (values[middle] + values[#values + 1 - middle]) / 2
end

-- How many values at each end of `n` sorted ones lie outside of the interval: as many as there may
-- be that the interval still holds the median with CONFIDENCE, by the binomial distribution.
local function outside(n)
    local log_term, sum, count = n * math.log(0.5), 0, 0
    while true do
        sum = sum + math.exp(log_term)
        if 2 * sum > 1 - CONFIDENCE then return count end
        log_term = log_term + math.log((n - count) / (count + 1))
        count = count + 1
    end
end

--- Gives the interval that holds the median with a probability of 95 % at least.
-- @tparam table list of numbers
-- @treturn[1] number low
-- @treturn[1] number high
-- @treturn[2] nil there are too few values
function statistics.interval(list)
    if #list < statistics.FEWEST then return nil end
    local values, out = sorted(list), outside(#list)
    return values[out], values[#values + 1 - out]
end

--- Finds values that lie far from the others.
-- @tparam table ratios list of positive numbers
-- @treturn table list of them, in their order
function statistics.far(ratios)
    local logs, distances, result = {}, {}, {}
    for i, ratio in ipairs(ratios) do logs[i] = math.log(ratio) end
    if #logs == 0 then return result end
    local middle = statistics.median(logs)
    for i, log in ipairs(logs) do distances[i] = math.abs(log - middle) end
    local usual = statistics.median(distances)
    for i, ratio in ipairs(ratios) do
        if distances[i] > FAR * usual and distances[i] > statistics.LEAST then
            result[#result + 1] = ratio
        end
    end
    return result
end

--- Tells whether the runs have become slower or faster all in all (by Mann and Kendall's test).
-- @tparam table values list of positive numbers, in the order in which they were measured
-- @treturn ?number how many times the later half is the earlier one; nil: the pace was the same
function statistics.pace(values)
    local n, score = #values, 0
    if n < 2 * statistics.FEWEST then return nil end
    for i = 1, n do
        for j = i + 1, n do
            score = score + (values[j] > values[i] and 1 or values[j] < values[i] and -1 or 0)
        end
    end
    local deviation = math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    local half = n // 2
    local change = statistics.median(table.move(values, n - half + 1, n, 1, {}))
        / statistics.median(table.move(values, 1, half, 1, {}))
    local is_large = change > 1 + PACE or change < 1 / (1 + PACE)
    return math.abs(score) > SURE * deviation and is_large and change or nil
end

--- Compares the measurements of pairs.
-- @tparam table before list of numbers, one of each pair
-- @tparam table after list of the others, in the same order
-- @treturn ?Comparison nil: one of `before` is 0, or there are no pairs
function statistics.compare(before, after)
    local ratios = {}
    for i, value in ipairs(before) do
        if value <= 0 then return nil end
        ratios[i] = after[i] / value
    end
    if #ratios == 0 then return nil end
    local result = { pairs = #ratios, before = statistics.median(before),
        after = statistics.median(after), ratio = statistics.median(ratios), ratios = ratios }
    result.low, result.high = statistics.interval(ratios)
    if not result.low then
        result.verdict = "unknown"
    elseif result.high < 1 - statistics.LEAST then
        result.verdict = "less"
    elseif result.low > 1 + statistics.LEAST then
        result.verdict = "more"
    else
        result.verdict = "same"
    end
    return result
end

return statistics
