-- SPDX-License-Identifier: Apache-2.0
--- A hugetlb pool that root has reserved: a private copy. Never split, never swapped.

local core = require "tiexec.core"
local copy = require "tiexec.sources.copy"
local hosts = require "tiexec.harness.hosts"
local kernel = require "tiexec.harness.kernel"
local text = require "tiexec.base.text"

local c = core.constants

-- sysctl is for the pool of the PMD-sized pages.
local function reserving(host)
    if host.huge_page_size == host.pmd_size then return "sysctl vm.nr_hugepages=N" end
    return ("echo N > /sys/kernel/mm/hugepages/hugepages-%dkB/nr_hugepages"):format(host.huge_page_size >> 10)
end

local function offers(host)
    local size = text.size(host.huge_page_size)
    if not host.hugetlb[host.huge_page_size] then return nil, "this kernel has no hugetlb pages of " .. size end
    if hosts.free_pages(host.pool) > 0 then return true end
    return nil, ("the hugetlb pool has no free page (%d in all; as root: %s)"):format(host.pool.total, reserving(host))
end

local function fit(_, range, host)
    local ok, why = offers(host)
    if not ok then return nil, why end
    local bytes = math.min(hosts.free_pages(host.pool) * host.huge_page_size, range.stop - range.start)
    return { start = range.start, stop = range.start + bytes }
end

-- A hugetlb cgroup limit shows only now, as an error here rather than as SIGBUS later.
local function populate(target, address, size)
    local _, message, errno = target.call("madvise", address, size, c.MADV_POPULATE_WRITE)
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
    offers = offers,
    fit = fit,
    replace = function(target, range, host)
        return copy.replace(target, range, {
            host = host,
            flags = kernel.hugetlb_flags(host.huge_page_size),
            populate = populate,
            in_place = not hosts.is_at_least(host, 5, 16), -- since then it can be moved
        })
    end,
}
