-- SPDX-License-Identifier: Apache-2.0
--- Counts the pages of a mapping that are larger than the base page. The figures are those of
-- smaps where it has some. smaps does not count transparent pages that are smaller than the
-- PMD-sized ones, which a copy may have. The page tables tell where such pages lie, but only to
-- CAP_SYS_ADMIN. Without that right, what the sources said of their pages counts.

local core = require "tiexec.core"
local ranges = require "tiexec.base.ranges"

local count = {}

-- Gives how many pages of a size cover a range. Those that reach beyond the range count whole.
local function covering(start, stop, size)
    return (ranges.align_up(stop, size) - ranges.align_down(start, size)) // size
end

-- Gives the bytes of a range on pages of at least `size`, and the number of these pages. The kernel
-- tells where the pages lie. A page that reaches beyond the range counts whole.
local function by_place(pid, range, size)
    local first, last = ranges.align_down(range.start, size), ranges.align_up(range.stop, size)
    local bytes = core.folios(pid, first, last, size)
    if not bytes then return nil end
    local beyond = 0
    if core.folios(pid, first, first + size, size) == size then beyond = range.start - first end
    if core.folios(pid, last - size, last, size) == size then
        beyond = beyond + last - range.stop
    end
    return bytes - beyond, bytes // size
end

-- Gives the same by what the sources said of the pages that they gave.
local function by_results(results, range, size)
    local bytes, pages = 0, 0
    for _, result in ipairs(results or {}) do
        if result.source and result.page_size == size and ranges.overlap(result, range) then
            local start, stop = ranges.common(result, range)
            bytes = bytes + stop - start
            pages = pages + covering(start, stop, size)
        end
    end
    return bytes, pages
end

-- Gives the same by smaps, which has counted `huge` bytes of the whole mapping. Where only a part
-- of the mapping is huge, that part is taken to lie in the range.
local function by_smaps(m, huge, range, size)
    local bytes = math.min(range.stop - range.start, huge)
    if huge == m.stop - m.start then return bytes, covering(range.start, range.stop, size) end
    return bytes, bytes // size
end

--- Gives the bytes of a mapping that are on huge pages, as smaps tells.
-- @tparam DetailedMapping m
-- @treturn int bytes
function count.huge_bytes(m) return m.anon_huge + m.shmem_huge + m.file_huge + m.hugetlb end

--- Counts the pages larger than the base page of a part of a mapping. A page that reaches beyond
-- the part counts whole.
-- @tparam DetailedMapping m
-- @tparam Range range the part
-- @tparam table context `pid`; `pmd`, the size of a PMD-sized page in bytes; `sizes`, the other
-- sizes that pages may have, as `count.sizes` gives them; `results`, a list of Result, or nil
-- @treturn int the bytes of the part on such pages
-- @treturn table list of PageCount, the largest pages first
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
        local all, pages = by_place(context.pid, range, size) -- counts the larger pages, too
        if not all then all, pages = by_results(context.results, range, size) end
        if all > bytes then
            bytes = all
            add(size, (pages * size - covered) // size)
        end
    end
    return bytes, list
end

--- Gives the sizes that pages may have beside the PMD-sized ones: the size in question, the sizes
-- that a plan names, and that of a run of base pages which the CPU's TLB may hold as one entry.
-- @tparam Host host
-- @tparam table operations list of Operation
-- @treturn table list of sizes in bytes, the largest first
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
