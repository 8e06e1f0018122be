-- SPDX-License-Identifier: Apache-2.0
--- Transparent huge pages: a private anonymous copy. No root, no pool. Of the PMD's size, or smaller ones (Linux 6.8).

local core = require "tiexec.core"
local copy = require "tiexec.sources.copy"
local kernel = require "tiexec.harness.kernel"
local text = require "tiexec.base.text"

local c = core.constants

local function of_size(host)
    return host.huge_page_size ~= host.pmd_size and " of " .. text.size(host.huge_page_size) or ""
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
local function advise(target, address, size)
    local ok, why = target.call("madvise", address, size, c.MADV_HUGEPAGE)
    return ok, why
end

-- MADV_POPULATE_WRITE: Linux 5.14. Before that, the copying touches all there is to copy.
local function populate(target, address, size)
    local _, message, errno = target.call("madvise", address, size, c.MADV_POPULATE_WRITE)
    if errno and errno ~= c.EINVAL then return nil, message end
    return true
end

local function refuse(target)
    if target.thp_disabled() then return nil, "the process has disabled huge pages (PR_SET_THP_DISABLE)" end
    return nil, "the kernel found no free huge pages (memory is fragmented or short)"
end

local function all_huge(target, address, size)
    return target.pages(address, address + size).anon_huge >= size
end

-- MADV_COLLAPSE (Linux 6.1) tries harder where memory is fragmented.
local function verify(target, address, size)
    if all_huge(target, address, size) then return true end
    target.call("madvise", address, size, c.MADV_COLLAPSE)
    if all_huge(target, address, size) then return true end
    return refuse(target)
end

-- Of smaller pages smaps does not tell. Who may know where pages lie sees it; else the kernel counts what faults
-- have had since `before`, whosever: pages that another process had meanwhile can pass for these.
local function verify_smaller(host, before)
    return function(target, address, size)
        local bytes = target.folios(address, address + size, host.huge_page_size)
        if not bytes and before then bytes = core.thp_bytes(host.huge_page_size) - before end
        if bytes and bytes >= size then return true end
        return refuse(target)
    end
end

local function replace(target, range, host, options)
    local check = verify
    if host.huge_page_size ~= host.pmd_size then
        check = verify_smaller(host, core.thp_bytes(host.huge_page_size))
    end
    -- perf looks into the map only for memory without a name
    return copy.replace(target, range, { host = host, flags = 0, advise = advise, populate = populate, verify = check,
        name = not options.perf_map and "tiexec" or nil })
end

return {
    name = "thp",
    anonymous = true,
    description = "transparent huge pages, a private copy",
    offers = offers,
    fit = fit,
    replace = replace,
}
