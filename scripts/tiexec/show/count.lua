-- SPDX-License-Identifier: Apache-2.0
--- Counts the pages of a mapping that are larger than the base page. The figures are smaps'. smaps does not tell of
-- transparent pages that are smaller than the PMD's, which copies may have. Where pages lie in memory tells that, and
-- needs CAP_SYS_ADMIN to be seen; without that right, the word of the source counts.

local core = require "tiexec.core"
local ranges = require "tiexec.base.ranges"

local count = {}

-- By where pages lie: the bytes of a range in pages of `size`, and the number of these pages. A page that reaches
-- beyond the range counts whole.
local function by_place(pid, range, size)
    local first, last = ranges.align_down(range.start, size), ranges.align_up(range.stop, size)
    local bytes = core.folios(pid, first, last, size)
    if not bytes then return nil end
    local beyond = 0
    if core.folios(pid, first, first + size, size) == size then beyond = range.start - first end
    if core.folios(pid, last - size, last, size) == size then beyond = beyond + last - range.stop end
    return bytes - beyond, bytes // size
end

-- By what the sources said of what they gave.
local function by_results(results, range, size)
    local bytes, pages = 0, 0
    for _, result in ipairs(results or {}) do
        if result.source and result.page_size == size and ranges.overlap(result, range) then
            local from, to = ranges.common(result, range)
            bytes = bytes + to - from
            pages = pages + (ranges.align_up(to, size) - ranges.align_down(from, size)) // size
        end
    end
    return bytes, pages
end

-- By smaps. Where only a part of a mapping is huge, that part is taken to be in the range.
local function by_smaps(m, huge, range, size)
    local bytes = math.min(range.stop - range.start, huge)
    local is_whole = huge == m.stop - m.start
    local covered = is_whole and ranges.align_up(range.stop, size) - ranges.align_down(range.start, size)
        or ranges.align_down(bytes, size)
    return bytes, covered // size
end

--- The bytes of a mapping that are on huge pages, as smaps tells.
function count.huge_bytes(m) return m.anon_huge + m.shmem_huge + m.file_huge + m.hugetlb end

--- Counts the larger pages of a part of a mapping. A page that reaches beyond the part counts whole.
-- @tparam Mapping m with smaps' figures
-- @tparam table range the part
-- @tparam table context `pid`; `pmd`, the PMD's size; `sizes`, the other ones that may be in use, the largest first;
-- `results` of the executor, or nil
-- @treturn int bytes on such pages
-- @treturn table list of `size`, `count`
function count.of(m, range, context)
    local list, huge, bytes, covered = {}, count.huge_bytes(m), 0, 0
    local function add(size, pages)
        if pages > 0 then list[#list + 1] = { size = size, count = pages } end
        covered = covered + pages * size
    end
    if huge > 0 then
        local size = m.hugetlb > 0 and m.kernel_page_size or context.pmd
        local here, pages = by_smaps(m, huge, range, size)
        bytes = here
        add(size, pages)
    end
    local may_have = m.inode == 0 and bytes < range.stop - range.start
    for _, size in ipairs(may_have and context.sizes or {}) do
        local all, pages = by_place(context.pid, range, size) -- the larger ones are among them
        if not all then all, pages = by_results(context.results, range, size) end
        if all > bytes then
            bytes = all
            add(size, (pages * size - covered) // size)
        end
    end
    return bytes, list
end

--- The sizes of pages that there may be beside the PMD's, the largest first: the size in question, those of a plan,
-- and the one that the CPU's TLB may hold as one entry.
-- @tparam Host host
-- @tparam table operations of a plan
function count.sizes(host, operations)
    local list, known = {}, { [0] = true, [host.pmd_size] = true }
    local function add(size)
        if not known[size] then list[#list + 1] = size end
        known[size] = true
    end
    add(host.huge_page_size)
    add(host.contiguous_size)
    for _, operation in ipairs(operations) do add(operation.page_size or 0) end
    table.sort(list, function(a, b) return a > b end)
    return list
end

return count
