-- SPDX-License-Identifier: Apache-2.0
--- Transparent huge pages: a private anonymous copy. No root, no pool.

local core = require "tiexec.core"
local copy = require "tiexec.copy"

local c = core.constants

local function fit(_, range, host)
    if host.thp == "" then return nil, "this kernel has no transparent huge pages" end
    if host.thp ~= "never" then return { start = range.start, stop = range.stop } end
    return nil, "transparent huge pages are off (echo madvise > /sys/kernel/mm/transparent_hugepage/enabled)"
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

local function all_huge(process, address, size)
    return process.pages(address, address + size).anon_huge >= size
end

-- MADV_COLLAPSE (Linux 6.1) tries harder where memory is fragmented.
local function verify(process, address, size)
    if all_huge(process, address, size) then return true end
    process.call("madvise", address, size, c.MADV_COLLAPSE)
    if all_huge(process, address, size) then return true end
    if process.thp_disabled() then return nil, "the process has disabled huge pages (PR_SET_THP_DISABLE)" end
    return nil, "the kernel found no free huge pages (memory is fragmented or short)"
end

return {
    name = "thp",
    anonymous = true,
    description = "transparent huge pages, a private copy",
    fit = fit,
    -- perf looks into the map only for memory without a name
    remap = function(process, range, host, options)
        return copy.remap(process, range, host, { flags = 0, advise = advise, populate = populate, verify = verify,
            name = not options.perf_map and "tiexec" or nil })
    end,
}
