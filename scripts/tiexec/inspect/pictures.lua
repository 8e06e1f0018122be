-- SPDX-License-Identifier: Apache-2.0
--- Makes pictures of the text of a process: for each huge page's place in the range of addresses, a
-- letter tells what maps the text there.

local core = require "tiexec.core"
local ranges = require "tiexec.base.ranges"

local pictures = {}

local NEAR <const> = 16 -- huge pages between two texts that are still one picture

local letters <const> = { file = "F", shared = "S", thp = "T", hugetlb = "H" }

-- In a huge page's place where texts meet, the letter with the highest rank is shown. The letters
-- of sources have the highest rank.
local rank <const> = { [" "] = 0, _ = 1, ["."] = 2 }
local HIGHEST <const> = 3

-- Whether a range has pages that are larger than the base page and smaller than the PMD-sized one.
local function has_smaller(survey, start, stop)
    for _, size in ipairs(survey.page_sizes) do
        local first, last = ranges.align_down(start, size), ranges.align_up(stop, size)
        local bytes = core.folios(survey.observed:pid(), first, last, size)
        if bytes and bytes > 0 then return true end
    end
    return false
end

-- Gives the letter for a part of a row: that of a source; "." for small pages; "_" where the
-- process has read nothing yet.
local function letter_of(survey, row, start, stop)
    if row.huge_bytes == row.size then return letters[row.from] end
    local sums = core.pagemap(survey.observed:pid(), start, stop) -- nil before Linux 6.7
    local is_huge = sums and sums.file_huge + sums.anon_huge > 0
    if is_huge or row.from == "thp" and has_smaller(survey, start, stop) then
        return letters[row.from] or "."
    end
    if not sums then return row.rss > 0 and "." or "_" end
    return sums.file_small + sums.anon_small > 0 and "." or "_"
end

local function higher(a, b)
    return (rank[b] or HIGHEST) > (rank[a] or HIGHEST) and b or a
end

local function add_row(survey, picture, row)
    local size = survey.host.huge_page_size
    for at = ranges.align_down(row.start, size), row.stop - 1, size do
        local number = (at - picture.start) // size + 1
        for i = #picture.slots + 1, number do
            picture.slots[i] = { letter = " ", first = size, last = 0 }
        end
        local start, stop = ranges.common(row, { start = at, stop = at + size })
        local slot = picture.slots[number]
        slot.letter = higher(slot.letter, letter_of(survey, row, start, stop))
        slot.first, slot.last = math.min(slot.first, start - at), math.max(slot.last, stop - at)
    end
    table.insert(picture.texts, row)
end

--- Makes the pictures of a survey. Texts of one object that lie near one another share a picture.
-- Smaller texts that lie apart, and are not huge, have none.
-- @tparam Survey survey with rows
-- @treturn table list of Picture
function pictures.of(survey)
    local list, last, size = {}, nil, survey.host.huge_page_size
    for _, row in ipairs(size > 0 and survey.rows or {}) do
        local is_near = last and last.object == row.object
            and row.start - last.texts[#last.texts].stop < NEAR * size
        if is_near or row.size >= size or row.huge_bytes > 0 then
            if not is_near then
                last = { object = row.object, start = ranges.align_down(row.start, size),
                    slots = {}, texts = {} }
                list[#list + 1] = last
            end
            add_row(survey, last, row)
        end
    end
    return list
end

return pictures
