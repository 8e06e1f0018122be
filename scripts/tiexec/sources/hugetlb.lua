-- SPDX-License-Identifier: Apache-2.0
--- A hugetlb pool that root has reserved: a private copy. Never split, never swapped.

local core = require "tiexec.core"
local copy = require "tiexec.copy"
local kernel = require "tiexec.kernel"

local c = core.constants

-- log2 of the page size, where mmap wants it: pools of other sizes may be the default ones.
local function map_flags(host)
    local log2 = 0
    while 1 << log2 < host.huge_page_size do log2 = log2 + 1 end
    return c.MAP_HUGETLB | log2 << c.MAP_HUGE_SHIFT
end

-- Reserved pages are promised to mappings that have not touched them yet.
local function fit(_, range, host)
    local pool = host.pool
    local more = math.max(pool.overcommit - pool.surplus, 0)
    local pages = math.max(pool.free - pool.reserved, 0) + more
    if pages > 0 then
        local bytes = math.min(pages * host.huge_page_size, range.stop - range.start)
        return { start = range.start, stop = range.start + bytes }
    end
    return nil, ("the hugetlb pool has no free page (%d in all; as root: sysctl vm.nr_hugepages=N)"):format(pool.total)
end

-- A hugetlb cgroup limit shows only now, as an error here rather than as SIGBUS later.
local function populate(process, address, size)
    local _, message, errno = process.call("madvise", address, size, c.MADV_POPULATE_WRITE)
    if errno and errno ~= c.EINVAL then
        return nil, message .. " (a hugetlb cgroup limit?)"
    end
    return true
end

return {
    name = "hugetlb",
    anonymous = true,
    description = "a reserved pool of huge pages, a private copy",
    uses_pool = true,
    fit = fit,
    remap = function(process, range, host)
        return copy.remap(process, range, host, {
            flags = map_flags(host),
            populate = populate,
            in_place = not kernel.is_at_least(host, 5, 16), -- since then it can be moved
        })
    end,
}
