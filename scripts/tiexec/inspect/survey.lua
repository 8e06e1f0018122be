-- SPDX-License-Identifier: Apache-2.0
--- What text a process has, on which pages, and why the rest is not huge: as data. The figures are smaps',
-- the reasons those of the planner and the sources, who are asked but do nothing.

local cache_image = require "tiexec.sources.cache_image"
local choice = require "tiexec.plan.choice"
local congruent = require "tiexec.plan.congruent"
local core = require "tiexec.core"
local count = require "tiexec.show.count"
local descriptions = require "tiexec.plan.descriptions"
local filesystem = require "tiexec.harness.filesystem"
local hosts = require "tiexec.harness.hosts"
local images = require "tiexec.harness.images"
local json = require "tiexec.show.json"
local plan = require "tiexec.plan"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"
local sources = require "tiexec.sources"
local targets = require "tiexec.harness.targets"
local text = require "tiexec.base.text"

local survey = {}

-- ---- what there is ---------------------------------------------------------------------------------

-- Whether a mapping is of no file; the kernel gives anonymous hugetlb memory a path, too.
local function is_anonymous(mapping)
    return mapping.inode == 0 or mapping.path:find("^/anon_hugepage") ~= nil
end

-- Anonymous text is a copy of what it lies in or beside: the path of that, or "".
local function neighbour_of(mappings, index)
    local m, first, last = mappings[index], {}, {}
    for _, other in ipairs(mappings) do
        if not is_anonymous(other) then
            first[other.path] = first[other.path] or other.start
            last[other.path] = other.stop
        end
    end
    for path, start in pairs(first) do
        if start < m.start and m.stop <= last[path] then return path end
    end
    for _, step in ipairs { 1, -1 } do -- one copy may be several mappings
        local i, at = index + step, m
        while mappings[i] and (mappings[i].start == at.stop or mappings[i].stop == at.start) do
            if not is_anonymous(mappings[i]) then return mappings[i].path end
            i, at = i + step, mappings[i]
        end
    end
    return ""
end

-- Where the `huge` bytes of a mapping come from, and whose text it is.
local function origin_of(mappings, index, huge)
    local m = mappings[index]
    local original = m.path:find("@", 1, true) and cache_image.original_of(m.path)
    if original then return "shared", original end
    local is_thp = m.anon_huge > 0 or huge > 0 and is_anonymous(m)
    local from = m.hugetlb > 0 and "hugetlb" or is_thp and "thp" or "file"
    if from == "file" or not is_anonymous(m) then return from, m.path end
    return from, neighbour_of(mappings, index)
end

local function make_row(found, mappings, index)
    local m, host = mappings[index], found.host
    local huge, larger = count.of(m, m, { pid = found.observed:pid(), pmd = host.pmd_size, sizes = found.page_sizes })
    local from, path = origin_of(mappings, index, huge)
    local row = { object = path, path = m.path, start = m.start, stop = m.stop, size = m.stop - m.start, rss = m.rss,
        perms = m.perms, huge_bytes = huge, from = huge > 0 and from or "small", why = {}, pages = {},
        refuses = (" " .. m.vm_flags .. " "):find(" nh ", 1, true) ~= nil }
    if m.hugetlb > 0 then row.rss = row.size end -- smaps leaves it out
    for i, some in ipairs(larger) do row.pages[i] = { size = some.size, count = some.count, from = row.from } end
    local rest = (row.size - huge) // host.page_size
    if rest > 0 then table.insert(row.pages, { size = host.page_size, count = rest, from = "small" }) end
    return row
end

-- ---- why it is not huge, and what would make it so -------------------------------------------------

-- Whether a start with tiexec would move the object of a text to where its file's pages can be huge.
local function would_be_moved(found, row)
    local object = found.description.executable
    if found.align == false or not object or object.path ~= row.path then return false end
    local image = images.of(("/proc/%d/exe"):format(found.description.pid))
    return image ~= nil and congruent.distance(image, object.bias, found.host) ~= nil
end

-- The part that the source `file` could serve, maybe with a condition; or nil and why not. Its filesystem
-- matters too, and a move at the start.
local function judge_file(found, row, part, why)
    local its = filesystem.of("", row.path, found.host)
    if its and its.large_folios == false then return nil, its.why end
    local hedge
    if not its or its.large_folios == nil then
        hedge = (", if %s has large folios"):format(its and its.type or "its filesystem")
    end
    if part then return part, hedge end
    if would_be_moved(found, row) then return row, hedge end
    return nil, why
end

-- How many huge pages a part comes to, at the least where it will yet be moved.
local function pages_text(part, host)
    local number = math.max((part.stop - part.start) // host.huge_page_size, 1)
    return text.pages { { count = number, size = host.huge_page_size } }
end

-- What each source says of the operation that a row would be part of. A move counts for PMD-sized pages alone.
local function ask_sources(found, row, operation)
    local verdicts, target, host = {}, targets.of(found.observed), hosts.for_operation(operation, found.host)
    local may_move = host.huge_page_size == host.pmd_size
    for i, name in ipairs(operation.sources or found.sources) do
        local part, why = sources.fit(sources.get(name), target, operation, host)
        if name == "file" and may_move then part, why = judge_file(found, row, part, why) end
        local may_share = name == "shared" and may_move and host.shmem_thp ~= "deny"
        if not part and may_share and would_be_moved(found, row) then part, why = row, nil end
        verdicts[i] = { name = name, why = why, part = part, pages = part and pages_text(part, host) }
    end
    return verdicts
end

-- The remap of a list that has most of a row.
local function remap_of(operations, row)
    local best, most = nil, 0
    for _, operation in ipairs(operations) do
        local size = ranges.common_size(operation, row)
        if operation.op == "remap" and size > most then best, most = operation, size end
    end
    return best
end

-- What stands in the way of each source that cannot serve, as far as the first that can: true, if there is one.
local function explain_operation(found, row, operation)
    for _, verdict in ipairs(ask_sources(found, row, operation)) do
        if verdict.part then
            if #row.why == 0 then row.why[1] = "nobody asked for huge pages" end
            row.advice = ("start it with tiexec: %s by %s%s"):format(verdict.pages, verdict.name, verdict.why or "")
            return true
        end
        row.why[#row.why + 1] = ("%s: %s"):format(verdict.name, verdict.why)
    end
end

-- Why the plan leaves a row as it is.
local function explain_kept(found, row)
    for _, operation in ipairs(found.operations) do
        if operation.op == "keep" and ranges.overlap(operation, row) then
            row.why[#row.why + 1] = operation.reason
        end
    end
    for _, refused in ipairs(found.refused) do
        row.why[#row.why + 1] = ("%s refused: %s"):format(refused.name, refused.reason)
    end
    if #row.why == 0 then row.why[1] = "the strategy does not name it" end
end

local function explain(found, row)
    if row.huge_bytes == row.size then return end
    if found.observed.thp_disabled then row.why[1] = "the process has disabled huge pages (PR_SET_THP_DISABLE)" end
    if row.refuses then row.why[#row.why + 1] = "it refuses huge pages (MADV_NOHUGEPAGE)" end
    local operation = remap_of(found.operations, row)
    if operation and row.huge_bytes > 0 and row.size - row.huge_bytes < 2 * found.host.huge_page_size then
        row.why[1] = operation.note or "its ends are no whole huge pages"
        return
    end
    if operation and explain_operation(found, row, operation) then return end
    if not operation then explain_kept(found, row) end
    found.instead = found.instead or found.second({})
    local smaller = remap_of(found.instead, row)
    if smaller then explain_operation(found, row, smaller) end
end

-- ---- the address range, huge page by huge page -----------------------------------------------------

local letters <const> = { file = "F", shared = "S", thp = "T", hugetlb = "H" }

local function has_smaller(found, start, stop)
    for _, size in ipairs(found.page_sizes) do
        local first, last = ranges.align_down(start, size), ranges.align_up(stop, size)
        local bytes = core.folios(found.observed:pid(), first, last, size)
        if bytes and bytes > 0 then return true end
    end
    return false
end

-- What maps the part of a row in one huge page's place: a source's letter; "." small pages, "_" nothing yet.
local function letter_of(found, row, start, stop)
    if row.huge_bytes == row.size then return letters[row.from] end
    local kinds = core.pagemap(found.observed:pid(), start, stop) -- Linux 6.7
    local is_huge = kinds and kinds.file_huge + kinds.anon_huge > 0
    if is_huge or row.from == "thp" and has_smaller(found, start, stop) then return letters[row.from] or "." end
    if not kinds then return row.rss > 0 and "." or "_" end
    return kinds.file_small + kinds.anon_small > 0 and "." or "_"
end

-- Huge wins over small, small over nothing.
local function stronger(a, b)
    local rank = { [" "] = 0, _ = 1, ["."] = 2 }
    return (rank[b] or 3) > (rank[a] or 3) and b or a
end

local function add_row(found, picture, row)
    local size = found.host.huge_page_size
    local at = ranges.align_down(row.start, size)
    while at < row.stop do
        local slot = (at - picture.start) // size + 1
        for i = #picture.slots + 1, slot do picture.slots[i] = { letter = " ", first = size, last = 0 } end
        local from, to = math.max(at, row.start), math.min(at + size, row.stop)
        local here = picture.slots[slot]
        here.letter = stronger(here.letter, letter_of(found, row, from, to))
        here.first, here.last = math.min(here.first, from - at), math.max(here.last, to - at)
        at = at + size
    end
end

-- Texts of an object that are near one another are one picture. Small libraries have none.
local function make_pictures(found)
    local NEAR <const> = 16
    local list, last, size = {}, nil, found.host.huge_page_size
    for _, row in ipairs(size > 0 and found.rows or {}) do
        local near = last and last.object == row.object and row.start - last.stop < NEAR * size
        if near or row.size >= size or row.huge_bytes > 0 then
            if not near then
                last = { object = row.object, start = ranges.align_down(row.start, size), slots = {}, texts = {} }
                list[#list + 1] = last
            end
            last.stop = row.stop
            last.texts[#last.texts + 1] = row
            add_row(found, last, row)
        end
    end
    return list
end

-- ---- all of it -------------------------------------------------------------------------------------

local function add_totals(found)
    local totals = { bytes = 0, huge_bytes = 0, huge_pages = 0, small_pages = 0 }
    for _, row in ipairs(found.rows) do
        totals.bytes, totals.huge_bytes = totals.bytes + row.size, totals.huge_bytes + row.huge_bytes
        for _, some in ipairs(row.pages) do
            local kind = some.from == "small" and "small_pages" or "huge_pages"
            totals[kind] = totals[kind] + some.count
        end
    end
    found.totals = totals
end

-- The plan of a start, with the settings that it would have.
local function make_plan(found, options)
    local chosen = choice.of(found.observed, found.name, options)
    if chosen.wrong then return nil, chosen.wrong end
    local definition = chosen.definition
    found.strategy, found.sources, found.profile = definition.name, chosen.names, chosen.profile
    found.align, found.operations, found.refused = chosen.align, {}, {}
    choice.prepare(chosen)
    found.host = chosen.host
    if found.host.huge_page_size == 0 then return true end
    local operations, refused, second = plan.make(found.description, chosen)
    if not operations then return nil, refused end
    found.operations, found.refused, found.second = operations, refused, second
    found.page_sizes = count.sizes(found.host, operations)
    return true
end

--- Surveys a process.
-- @tparam table process what `observed.open` gave
-- @string[opt] name by which to call it
-- @tparam table options settings of the command line and the environment
-- @treturn[1] table `rows`: each executable mapping with `object` (a path), `start`, `stop`, `size`, `huge_bytes`,
-- `rss`, `from` (file, shared, thp, hugetlb, small), `pages` (list of `size`, `count`, `from`), `why` (list), `advice`;
-- `pictures`: of each object with large text `object`, `start`, `slots`; `totals`; `host`; `strategy`, `sources`,
-- `profile`: the settings that the reasons are given for
-- @treturn[2] nil, string why not
function survey.make(process, name, options)
    local found = { observed = process, name = name or process.name, page_sizes = {}, rows = {},
        second = function() return {} end }
    local mappings, why = process:mappings(true)
    if not mappings then return nil, why end
    found.description, why = descriptions.of(process, "entry")
    if not found.description then return nil, why end
    local ok
    ok, why = make_plan(found, options)
    if not ok then return nil, why end
    for i, m in ipairs(mappings) do
        if protection.is_executable(m.perms) and m.start >= 0 and m.stop > m.start then
            local row = make_row(found, mappings, i)
            explain(found, row)
            found.rows[#found.rows + 1] = row
        end
    end
    if #found.rows == 0 then return nil, "it has no text: it has just ended" end
    found.pictures = make_pictures(found)
    add_totals(found)
    return found
end

--- The same for JSON.
function survey.plain(found)
    local rows, pictures, hex, array = {}, {}, text.hex, json.array
    for i, row in ipairs(found.rows) do
        rows[i] = { object = row.object, mapped = row.path, start = hex(row.start), stop = hex(row.stop),
            bytes = row.size, resident = row.rss, perms = row.perms, huge_bytes = row.huge_bytes, from = row.from,
            pages = array(row.pages), why = array(row.why), advice = row.advice }
    end
    for i, picture in ipairs(found.pictures) do
        local slots = {}
        for n, slot in ipairs(picture.slots) do slots[n] = slot.letter end
        pictures[i] = { object = picture.object, start = hex(picture.start), slots = table.concat(slots) }
    end
    return { pid = found.observed:pid(), name = found.name, executable = found.observed.executable,
        strategy = found.strategy, sources = array(found.sources), profile = found.profile,
        kernel = found.host.kernel, page_size = found.host.page_size, huge_page_size = found.host.huge_page_size,
        mappings = array(rows), pictures = array(pictures), totals = found.totals }
end

return survey
