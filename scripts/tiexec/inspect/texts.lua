-- SPDX-License-Identifier: Apache-2.0
--- Tells what text a process has: a row for each executable mapping says which pages it has, and
-- where the pages come from. The figures are those of smaps.

local cache_image = require "tiexec.sources.cache_image"
local count = require "tiexec.show.count"
local objects = require "tiexec.harness.objects"
local protection = require "tiexec.harness.protection"

local texts = {}

-- Whether a mapping is of no file. Anonymous hugetlb memory has a path and an inode all the same.
local function is_anonymous(mapping)
    return mapping.inode == 0 or mapping.path:find("^/anon_hugepage") ~= nil
end

-- Gives the path of the file between whose mappings a mapping lies, or nil.
local function surrounding(mappings, m)
    local first, last = {}, {}
    for _, other in ipairs(mappings) do
        if not is_anonymous(other) then
            first[other.path] = first[other.path] or other.start
            last[other.path] = other.stop
        end
    end
    for path, start in pairs(first) do
        if start < m.start and m.stop <= last[path] then return path end
    end
end

-- Gives the path of the file that is mapped next to a mapping, or nil. One copy may consist of
-- several mappings, which are passed over.
local function adjoining(mappings, index)
    for _, step in ipairs { 1, -1 } do
        local i, at = index + step, mappings[index]
        while mappings[i] and (mappings[i].start == at.stop or mappings[i].stop == at.start) do
            if not is_anonymous(mappings[i]) then return mappings[i].path end
            i, at = i + step, mappings[i]
        end
    end
end

-- Gives the path of the file whose segments would lie where a mapping is, or nil. There may be a
-- hole behind its text, and before that nothing but the copy.
local function spanning(survey, mappings, m)
    survey.objects = survey.objects or objects.all(survey.observed, mappings)
    for _, object in ipairs(survey.objects) do
        if object.span.start < m.stop and m.start < object.span.stop then return object.path end
    end
end

-- Gives where the `huge` bytes of a mapping come from, and the path of the file whose text it is.
-- Anonymous text is taken to be a copy from the file in or beside which it lies; "": there is none.
local function origin_of(survey, mappings, index, huge)
    local m = mappings[index]
    local original = m.path:find("@", 1, true) and cache_image.original_of(m.path)
    if original then return "shared", original end
    local is_thp = m.anon_huge > 0 or huge > 0 and is_anonymous(m)
    local from = m.hugetlb > 0 and "hugetlb" or is_thp and "thp" or "file"
    if from == "file" or not is_anonymous(m) then return from, m.path end
    return from, adjoining(mappings, index) or surrounding(mappings, m)
        or spanning(survey, mappings, m) or ""
end

local function make_row(survey, mappings, index)
    local m, base = mappings[index], survey.host.page_size
    local huge, larger = count.of(m, m, { pid = survey.observed:pid(), pmd = survey.host.pmd_size,
        sizes = survey.page_sizes })
    local from, path = origin_of(survey, mappings, index, huge)
    local row = { object = path, path = m.path, start = m.start, stop = m.stop,
        size = m.stop - m.start, rss = m.rss, perms = m.perms,
        huge_bytes = huge, from = huge > 0 and from or "small", why = {}, pages = {},
        advised = (" " .. m.vm_flags .. " "):find(" hg ", 1, true) ~= nil,
        refuses = (" " .. m.vm_flags .. " "):find(" nh ", 1, true) ~= nil }
    if m.hugetlb > 0 then row.rss = row.size end -- smaps leaves hugetlb memory out
    for i, some in ipairs(larger) do
        row.pages[i] = { size = some.size, count = some.count, from = row.from }
    end
    local rest = (row.size - huge) // base
    if rest > 0 then table.insert(row.pages, { size = base, count = rest, from = "small" }) end
    return row
end

--- Tells whether a row is text of a file, or a copy of such: neither memory for which code is
-- generated, nor the kernel's.
-- @tparam SurveyRow row
-- @treturn boolean
function texts.is_of_file(row) return row.object ~= "" and not row.path:find("^%[v") end

--- Makes a row for each executable mapping of a process. The reasons are yet to come.
-- @tparam Survey survey `observed`, `host`, `page_sizes`
-- @tparam table mappings list of DetailedMapping, in order of address
-- @treturn table list of SurveyRow, in order of address
function texts.of(survey, mappings)
    local rows = {}
    for i, m in ipairs(mappings) do
        -- the address of the vsyscall page, which is the kernel's, is a negative integer
        if protection.is_executable(m.perms) and m.start >= 0 and m.stop > m.start then
            rows[#rows + 1] = make_row(survey, mappings, i)
        end
    end
    return rows
end

return texts
