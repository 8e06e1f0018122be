-- SPDX-License-Identifier: Apache-2.0
--- Transparent huge pages: a private anonymous copy. No root, no pool. Of the PMD's size, or smaller ones (Linux 6.8).

local core = require "tiexec.core"
local copy = require "tiexec.sources.copy"
local kernel = require "tiexec.harness.kernel"
local planner = require "tiexec.planner"

local c = core.constants

local function of_size(host)
    return host.huge_page_size ~= host.pmd_size and " of " .. planner.size_text(host.huge_page_size) or ""
end

-- Of pages smaller than the PMD's only root sees where they are, and the kernel counts them since Linux 6.10.
local function can_be_seen(host)
    return host.huge_page_size == host.pmd_size or host.capabilities >> c.CAP_SYS_ADMIN & 1 == 1
        or core.thp_bytes(host.huge_page_size) ~= nil
end

local function offers(host)
    if host.thp == "" then return nil, "this kernel has no transparent huge pages" .. of_size(host) end
    if host.thp == "never" then
        return nil, ("transparent huge pages%s are off (echo madvise > %s)"):format(of_size(host),
            kernel.thp_switch(host.huge_page_size))
    end
    if can_be_seen(host) then return true end
    return nil, ("whether its pages are%s cannot be seen (as root it can)"):format(of_size(host))
end

local function fit(_, range, host)
    local ok, why = offers(host)
    if not ok then return nil, why end
    return { start = range.start, stop = range.stop }
end

-- Asks for huge pages, before anything touches the memory.
local function advise(process, address, size)
    local ok, why = process.call("madvise", address, size, c.MADV_HUGEPAGE)
    return ok, why
end

-- MADV_POPULATE_WRITE: Linux 5.14. Before that, the copying touches all there is to copy.
local function populate(process, address, size)
    local _, message, errno = process.call("madvise", address, size, c.MADV_POPULATE_WRITE)
    if errno and errno ~= c.EINVAL then return nil, message end
    return true
end

local function refuse(process)
    if process.thp_disabled() then return nil, "the process has disabled huge pages (PR_SET_THP_DISABLE)" end
    return nil, "the kernel found no free huge pages (memory is fragmented or short)"
end

local function all_huge(process, address, size)
    return process.pages(address, address + size).anon_huge >= size
end

-- MADV_COLLAPSE (Linux 6.1) tries harder where memory is fragmented.
local function verify(process, address, size)
    if all_huge(process, address, size) then return true end
    process.call("madvise", address, size, c.MADV_COLLAPSE)
    if all_huge(process, address, size) then return true end
    return refuse(process)
end

-- Of smaller pages smaps does not tell. Who may know where pages lie sees it; else the kernel counts what faults
-- have had since `before`, whosever: pages that another process had meanwhile can pass for these.
local function verify_smaller(host, before)
    return function(process, address, size)
        local bytes = process.folios(address, address + size, host.huge_page_size)
        if not bytes and before then bytes = core.thp_bytes(host.huge_page_size) - before end
        if bytes and bytes >= size then return true end
        return refuse(process)
    end
end

local function remap(process, range, host, options)
    local check = verify
    if host.huge_page_size ~= host.pmd_size then
        check = verify_smaller(host, core.thp_bytes(host.huge_page_size))
    end
    -- perf looks into the map only for memory without a name
    return copy.remap(process, range, host, { flags = 0, advise = advise, populate = populate, verify = check,
        name = not options.perf_map and "tiexec" or nil })
end

return {
    name = "thp",
    anonymous = true,
    description = "transparent huge pages, a private copy",
    offers = offers,
    fit = fit,
    remap = remap,
}
