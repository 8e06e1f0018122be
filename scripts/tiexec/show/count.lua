-- SPDX-License-Identifier: Apache-2.0
--- How much of a mapping is on pages larger than the base page, by smaps. Of transparent ones smaller than the PMD's,
-- which copies may have, it does not tell. Where pages lie in memory does, which it takes CAP_SYS_ADMIN to see; else
-- one has the word of the source that has counted them.

local core = require "tiexec.core"
local planner = require "tiexec.planner"

local pages = {}

local function look(pid, start, stop, size)
    local first, last = planner.align_down(start, size), planner.align_up(stop, size)
    local bytes = core.folios(pid, first, last, size)
    if not bytes then return nil end
    local beyond = 0
    if core.folios(pid, first, first + size, size) == size then beyond = start - first end
    if core.folios(pid, last - size, last, size) == size then beyond = beyond + last - stop end
    return bytes - beyond, bytes // size
end

local function told(results, start, stop, size)
    local bytes, count = 0, 0
    for _, result in ipairs(results or {}) do
        local from, to = math.max(result.start, start), math.min(result.stop, stop)
        if result.source and result.page_size == size and from < to then
            bytes = bytes + to - from
            count = count + (planner.align_up(to, size) - planner.align_down(from, size)) // size
        end
    end
    return bytes, count
end

-- Where only part of a mapping is huge, that part is taken to be in the range.
local function by_smaps(m, huge, start, stop, size)
    local bytes = math.min(stop - start, huge)
    local whole = huge == m.stop - m.start
    local covered = whole and planner.align_up(stop, size) - planner.align_down(start, size)
        or planner.align_down(bytes, size)
    return bytes, covered // size
end

--- How much of the part [start, stop) of a mapping is on larger pages. A page may reach beyond it, and counts whole.
-- @int pid
-- @tparam table m with smaps' figures
-- @int start
-- @int stop
-- @int pmd the PMD's size
-- @tparam table sizes other ones, which may be in use
-- @tparam ?table results of the executor
-- @treturn int bytes
-- @treturn table list of `size`, `count`
function pages.count(pid, m, start, stop, pmd, sizes, results)
    local list, huge, bytes, covered = {}, m.anon_huge + m.shmem_huge + m.file_huge + m.hugetlb, 0, 0
    local function add(size, count)
        if count > 0 then list[#list + 1] = { size = size, count = count } end
        covered = covered + count * size
    end
    if huge > 0 then
        local size = m.hugetlb > 0 and m.kernel_page_size or pmd
        local here, count = by_smaps(m, huge, start, stop, size)
        bytes = here
        add(size, count)
    end
    local may_have = m.inode == 0 and bytes < stop - start
    for _, size in ipairs(may_have and sizes or {}) do
        local all, count = look(pid, start, stop, size) -- the larger ones among them
        if not all then all, count = told(results, start, stop, size) end
        if all > bytes then
            bytes = all
            add(size, (count * size - covered) // size)
        end
    end
    return bytes, list
end

--- The sizes of pages that there may be beside the PMD's, in a list, the largest first: those in question, those of a
-- plan, and those that the CPU's TLB may hold as one.
function pages.sizes(host, operations)
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

return pages
