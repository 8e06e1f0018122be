-- SPDX-License-Identifier: Apache-2.0
--- The source `thp`: a private copy on transparent huge pages. It needs neither root nor a pool.
-- Since Linux 6.8 the pages can also be smaller than the PMD's.

local codes = require "tiexec.base.codes"
local core = require "tiexec.core"
local copy = require "tiexec.sources.copy"
local kernel = require "tiexec.harness.kernel"
local room = require "tiexec.harness.room"
local text = require "tiexec.base.text"

local c = core.constants

local function has_pmd_size(host) return host.huge_page_size == host.pmd_size end

-- Gives the words of a message that tell the size of the pages, unless it is the usual one.
local function of_size(host)
    return has_pmd_size(host) and "" or " of " .. text.size(host.huge_page_size)
end

-- Tells whether it can be seen that memory is on such pages. Where pages smaller than the PMD's
-- are, only root can see. The kernel counts them since Linux 6.10.
local function can_be_seen(host)
    return has_pmd_size(host) or host.capabilities >> c.CAP_SYS_ADMIN & 1 == 1
        or core.thp_bytes(host.huge_page_size) ~= nil
end

local function offers(host)
    if host.thp == "" then
        return nil, codes.words("no-thp", of_size(host))
    end
    if host.thp == "never" then
        return nil, codes.words("thp-off", of_size(host), kernel.thp_switch(host.huge_page_size))
    end
    if can_be_seen(host) then return true end
    return nil, codes.words("thp-unseen", of_size(host))
end

local function fit(target, range, host)
    local ok, why = offers(host)
    if ok then ok, why = room.for_copy(range.stop - range.start, target.pid) end
    if not ok then return nil, why end
    return { start = range.start, stop = range.stop }
end

local function advise(target, address, size)
    return target.call("madvise", address, size, c.MADV_HUGEPAGE)
end

-- Says why memory that asked for huge pages did not get them.
local function why_small(target)
    if target.thp_disabled() then
        return codes.words("disabled")
    end
    return codes.words("no-free-pages")
end

local function all_huge(target, address, size)
    return target.pages(address, address + size).anon_huge >= size
end

-- Checks that memory is on PMD-sized pages. If it is not, MADV_COLLAPSE (Linux 6.1) tries harder
-- to get them.
local function verify(target, address, size)
    if all_huge(target, address, size) then return true end
    target.call("madvise", address, size, c.MADV_COLLAPSE)
    if all_huge(target, address, size) then return true end
    return nil, why_small(target)
end

-- Makes a function that checks that memory is on pages smaller than the PMD's, which smaps does
-- not tell. A tracer that may see where pages lie looks there. Else the pages count that the
-- kernel has given since now: pages that another process gets meanwhile can pass for these.
local function smaller_verifier(host)
    local before = core.thp_bytes(host.huge_page_size)
    return function(target, address, size)
        local bytes = target.folios(address, address + size, host.huge_page_size)
        if not bytes and before then bytes = core.thp_bytes(host.huge_page_size) - before end
        if bytes and bytes >= size then return true end
        return nil, why_small(target)
    end
end

local function replace(target, range, host, options)
    return copy.replace(target, range, {
        host = host,
        flags = 0,
        advise = advise,
        populate = copy.populate,
        verify = has_pmd_size(host) and verify or smaller_verifier(host),
        -- perf looks for symbols in its map only if memory has no name
        name = not options.perf_map and "tiexec" or nil,
    })
end

return {
    name = "thp",
    anonymous = true,
    description = "transparent huge pages, a private copy",
    offers = offers,
    fit = fit,
    replace = replace,
}
