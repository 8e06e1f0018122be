-- SPDX-License-Identifier: Apache-2.0
--- Which parts of a program file will be remapped, as far as its headers tell: for whoever reads
-- them ahead.

local congruent = require "tiexec.plan.congruent"
local core = require "tiexec.core"
local images = require "tiexec.harness.images"
local ranges = require "tiexec.base.ranges"

local parts = {}

-- How the strategies round that are known to take all of a text.
local round = {
    aggressive = function(start, stop, huge)
        return ranges.align_down(start, huge), ranges.align_up(stop, huge)
    end,
    conservative = ranges.inward,
}

--- Tells whether it is known how a strategy rounds.
-- @string strategy its name
-- @treturn boolean
function parts.are_known(strategy) return round[strategy] ~= nil end

-- Cuts off what shares a huge page with writable data: [from, to) are offsets in the file.
local function without_data(image, text, from, to, huge)
    for segment in images.loads(image) do
        local start, stop = segment.offset, segment.offset + segment.filesz
        if segment.flags & core.constants.PF_W ~= 0 and start < stop then
            if start >= text.offset + text.filesz then
                to = math.min(to, ranges.align_down(start, huge))
            elseif stop <= text.offset then
                from = math.max(from, ranges.align_up(stop, huge))
            end
        end
    end
    return from, to
end

local function part_of(image, text, strategy, huge)
    local is_congruent = (text.vaddr - text.offset) & (huge - 1) == 0
    if image.type ~= core.constants.ET_DYN and not is_congruent then return nil end
    local from, to = round[strategy](text.offset, text.offset + text.filesz, huge)
    if not from then return nil end
    from, to = without_data(image, text, from, to, huge)
    to = math.min(to, ranges.align_down(image.size, huge))
    if from < to then return { start = from, stop = to } end
end

--- Gives the part of the file that has the largest text.
-- @tparam Image image
-- @string strategy one that is known
-- @int huge the size of a huge page, in bytes
-- @treturn ?Range offsets in the file, whole huge pages; nil: there is none
function parts.largest(image, strategy, huge)
    local text = congruent.main_text(image)
    return text and part_of(image, text, strategy, huge)
end

--- Gives the parts of the file that have text.
-- @tparam Image image
-- @string strategy one that is known
-- @int huge the size of a huge page, in bytes
-- @treturn table list of Range, as above, in their order; they do not overlap
function parts.all(image, strategy, huge)
    local list = {}
    for segment in images.loads(image) do
        local part = images.is_text(segment) and part_of(image, segment, strategy, huge)
        local last = list[#list]
        if part and last and part.start <= last.stop then
            last.stop = math.max(last.stop, part.stop)
        elseif part then
            list[#list + 1] = part
        end
    end
    return list
end

return parts
