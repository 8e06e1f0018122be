-- SPDX-License-Identifier: Apache-2.0
--- What a recording shows: which pages are hot, and how many of them hold most of the samples. All
-- functions are pure.

local summary = {}

local PAGE <const> = 4096 -- of the pages that are counted
local SHARES <const> = { 0.5, 0.9, 0.99 }

-- Gives the pages of a size with their samples, the hottest first: list of Hot.
local function pages_of(recording, size)
    local list = {}
    for _, object in ipairs(recording.objects) do
        local by_page = {}
        for page, count in pairs(object.pages) do
            local number = page * PAGE // size
            by_page[number] = (by_page[number] or 0) + count
        end
        for number, count in pairs(by_page) do
            list[#list + 1] = { object = object.path, offset = number * size, samples = count }
        end
    end
    table.sort(list, function(a, b)
        if a.samples ~= b.samples then return a.samples > b.samples end
        if a.object ~= b.object then return a.object < b.object end
        return a.offset < b.offset
    end)
    return list
end

-- How many of the hottest pages hold a share of their samples.
local function needed(pages, share)
    local all, sum = 0, 0
    for _, page in ipairs(pages) do all = all + page.samples end
    for i, page in ipairs(pages) do
        sum = sum + page.samples
        if sum >= share * all then return i end
    end
    return #pages
end

--- Summarizes a recording.
-- @tparam Recording recording
-- @int huge the size of a huge page, in bytes
-- @treturn RecordingSummary
function summary.of(recording, huge)
    local small_pages, huge_pages = pages_of(recording, PAGE), pages_of(recording, huge)
    local result = { huge = huge, pages = huge_pages, needed = {}, in_files = 0 }
    for _, page in ipairs(huge_pages) do result.in_files = result.in_files + page.samples end
    for i, share in ipairs(SHARES) do
        result.needed[i] = { share = share, small = needed(small_pages, share),
            huge = needed(huge_pages, share) }
    end
    return result
end

--- The grades of heat, the hottest first: parts of the samples that a huge page holds at least.
summary.grades = {
    { letter = "#", least = 0.1, label = "10 % or more", class = "hot" },
    { letter = "+", least = 0.01, label = "1 %", class = "warm" },
    { letter = ".", least = 0, label = "less", class = "mild" },
    { letter = "_", label = "none", class = "cold" },
}

--- Gives the grade of a number of samples.
-- @int samples in one huge page
-- @int all
-- @treturn table one of summary.grades
function summary.grade(samples, all)
    for _, grade in ipairs(summary.grades) do
        if grade.least and samples > 0 and samples >= grade.least * all then return grade end
    end
    return summary.grades[#summary.grades]
end

--- Gives the grades of an object's huge pages, from its first one with samples to its last.
-- @tparam RecordingSummary found
-- @string path of the object
-- @treturn ?table list of grades, with `first`, the offset of the first; nil: it has no samples
function summary.picture(found, path)
    local by_offset, first, last = {}, nil, nil
    for _, page in ipairs(found.pages) do
        if page.object == path then
            by_offset[page.offset] = page.samples
            first = math.min(first or page.offset, page.offset)
            last = math.max(last or page.offset, page.offset)
        end
    end
    if not first then return nil end
    local picture = { first = first, object = path, samples = {} }
    for offset = first, last, found.huge do
        picture[#picture + 1] = summary.grade(by_offset[offset] or 0, found.in_files)
        picture.samples[#picture] = by_offset[offset] or 0
    end
    return picture
end

return summary
