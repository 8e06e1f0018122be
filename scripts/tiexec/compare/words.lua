-- SPDX-License-Identifier: Apache-2.0
--- Writes figures and verdicts of comparisons for people. All functions are pure.

local text = require "tiexec.base.text"

local words = {}

local WIDTH <const> = 80
local scales <const> = { { 1, "s", 1 }, { 1e-3, "ms", 1e3 }, { 1e-6, "µs", 1e6 } }

--- Writes a time with three digits: "51.2 ms".
-- @number seconds
-- @treturn string
function words.time(seconds)
    if seconds == 0 then return "0 ms" end
    local scale = scales[#scales]
    for i = #scales, 1, -1 do
        if seconds >= scales[i][1] then scale = scales[i] end
    end
    local value = seconds * scale[3]
    local form = value >= 100 and "%.0f %s" or value >= 10 and "%.1f %s" or "%.2f %s"
    return form:format(value, scale[2])
end

local function large_count(count)
    for _, unit in ipairs { { 1e9, "G" }, { 1e6, "M" }, { 1e3, "k" } } do
        if count >= unit[1] then return ("%.3g %s"):format(count / unit[1], unit[2]) end
    end
    return ("%.0f"):format(count)
end

--- Writes a value of a quantity.
-- @tparam table quantity of analysis.quantities
-- @number value
-- @treturn string
function words.value(quantity, value)
    if quantity.unit == "time" then return words.time(value) end
    if quantity.unit == "bytes" then return text.size(math.floor(value)) end
    if quantity.unit == "large count" then return large_count(value) end
    return ("%.0f"):format(value)
end

local function number(part) return ("%.1f"):format(100 * part):gsub("^%-0%.0$", "0.0") end

-- A change in percent, with its sign.
local function signed(part)
    local digits = number(part)
    if digits:find("^%-") then return "−" .. digits:sub(2) end
    return digits == "0.0" and digits or "+" .. digits
end

--- Writes a change: "−24.6 %".
-- @number ratio
-- @treturn string
function words.change(ratio) return signed(ratio - 1) .. " %" end

--- Writes the interval of a change: "−25.9 to −22.8".
-- @tparam Comparison found
-- @treturn string "" if there is none
function words.interval(found)
    if not found.low then return "" end
    return ("%s to %s"):format(signed(found.low - 1), signed(found.high - 1))
end

-- One end of an interval in words: "1.2 % less".
local function side(ratio)
    local digits = number(math.abs(ratio - 1))
    if digits == "0.0" then return "0 %" end
    return ("%s %% %s"):format(digits, ratio < 1 and "less" or "more")
end

--- Breaks a sentence into lines that fit a terminal.
-- @string sentence
-- @string indent what the later lines begin with, and room for what stands before the first
-- @treturn string
function words.wrap(sentence, indent)
    local lines, line = {}, ""
    for word in sentence:gmatch("[^ ]+") do
        local longer = line == "" and word or line .. " " .. word
        if line ~= "" and #indent + (utf8.len(longer) or #longer) > WIDTH then
            lines[#lines + 1] = line
            line = word
        else
            line = longer
        end
    end
    lines[#lines + 1] = line
    return table.concat(lines, "\n" .. indent)
end

-- An interval in words: "1.2 % less to 2.0 % more", "0.3 to 8.4 % less".
local function range(found)
    local low, high = found.low - 1, found.high - 1
    if low * high <= 0 then return ("%s to %s"):format(side(found.low), side(found.high)) end
    local near, far = math.abs(low), math.abs(high)
    if near > far then near, far = far, near end
    return ("%s to %s %% %s"):format(number(near), number(far), low < 0 and "less" or "more")
end

--- Says what a comparison shows: "24.6 % less CPU time (22.8 to 25.9 %)".
-- @tparam Comparison found
-- @string noun what was compared
-- @treturn string
function words.verdict(found, noun)
    if found.verdict == "unknown" then
        return ("%s %s in %d pair%s, too few to tell"):format(side(found.ratio), noun,
            found.pairs, found.pairs == 1 and "" or "s")
    elseif found.verdict == "same" then
        return ("no measurable change of %s (%s)"):format(noun, range(found))
    end
    return ("%s %s (%s)"):format(side(found.ratio), noun, (range(found):gsub(" %a+$", "")))
end

return words
