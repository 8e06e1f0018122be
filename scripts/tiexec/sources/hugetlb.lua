-- SPDX-License-Identifier: Apache-2.0
--- The source `hugetlb`: a private copy on pages of a hugetlb pool that root has reserved. The
-- kernel never splits or swaps them.

local codes = require "tiexec.base.codes"
local copy = require "tiexec.sources.copy"
local hosts = require "tiexec.harness.hosts"
local kernel = require "tiexec.harness.kernel"
local text = require "tiexec.base.text"

-- Gives the command that reserves pages. sysctl knows only the pool of the PMD-sized ones.
local function reserving_command(host)
    if host.huge_page_size == host.pmd_size then return "sysctl vm.nr_hugepages=N" end
    return ("echo N > /sys/kernel/mm/hugepages/hugepages-%dkB/nr_hugepages")
        :format(host.huge_page_size >> 10)
end

local function offers(host)
    if not host.hugetlb[host.huge_page_size] then
        return nil, codes.words("no-hugetlb", text.size(host.huge_page_size))
    end
    if hosts.free_pages(host.pool) > 0 then return true end
    return nil, codes.words("pool-empty", host.pool.total, reserving_command(host))
end

local function fit(_, range, host)
    local ok, why = offers(host)
    if not ok then return nil, why end
    local free = hosts.free_pages(host.pool) * host.huge_page_size
    return { start = range.start, stop = range.start + math.min(free, range.stop - range.start) }
end

-- Populates the copy. A hugetlb cgroup limit shows only then: as an error here, and not as SIGBUS
-- when the program runs.
local function populate(target, address, size)
    local ok, why = copy.populate(target, address, size)
    if ok then return true end
    return nil, codes.words("hugetlb-limit", why)
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
            in_place = not hosts.is_at_least(host, 5, 16), -- older kernels cannot move it
        })
    end,
}
