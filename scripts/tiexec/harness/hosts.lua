-- SPDX-License-Identifier: Apache-2.0
--- Descriptions of the host (class Host): plain data, for huge pages of one size.

local core = require "tiexec.core"

local hosts = {}

local EMPTY <const> = { total = 0, free = 0, reserved = 0, surplus = 0, overcommit = 0 }

--- Reads what a description has not got yet.
-- @tparam Host host
function hosts.complete(host)
    if not getmetatable(host) then return end
    setmetatable(host, nil)
    for name, value in pairs(core.host(host.huge_page_size)) do host[name] = value end
    host.pool = host.hugetlb[host.huge_page_size] or EMPTY
end

-- Most programs have no text to remap, or text that is huge already, and then nobody asks for more
-- than the sizes of pages and the kernel's version. The rest is in a dozen files.
local incomplete = { __index = function(host, name)
    if name == "nodes" then host.nodes = core.numa_nodes() else hosts.complete(host) end
    return rawget(host, name)
end }

--- Describes the host. `pool`, the hugetlb pool of such pages, is added to what `tiexec.host()`
-- gives. All but what `core.host_basics` gives is read when some of it is first asked for, and is
-- as it is then.
-- @int[opt] size the size of a huge page, in bytes; by default the PMD's
-- @treturn Host
function hosts.describe(size) return setmetatable(core.host_basics(size), incomplete) end

--- Tells whether the TLB may hold smaller huge pages of the same host as one entry.
-- @tparam Host host
-- @treturn boolean
function hosts.has_smaller(host)
    return host.contiguous_size > 0 and host.contiguous_size < host.huge_page_size
end

--- Describes the same host for these smaller huge pages.
-- @tparam Host host
-- @treturn ?Host nil: the CPU has no smaller ones
function hosts.smaller(host)
    return hosts.has_smaller(host) and hosts.describe(host.contiguous_size) or nil
end

--- Describes the same host for huge pages of the size that an operation asks for.
-- @tparam Operation operation
-- @tparam Host host
-- @treturn Host
function hosts.for_operation(operation, host)
    if not operation.page_size or operation.page_size == host.huge_page_size then return host end
    return hosts.describe(operation.page_size)
end

--- Counts the pages that a hugetlb pool can give now. Its reserved pages are promised to mappings
-- that have not touched them yet.
-- @tparam Pool pool
-- @treturn int
function hosts.free_pages(pool)
    return math.max(pool.free - pool.reserved, 0) + math.max(pool.overcommit - pool.surplus, 0)
end

--- Tells whether the kernel of the host has a version, or a later one.
-- @tparam Host host
-- @int major
-- @int minor
-- @treturn boolean
function hosts.is_at_least(host, major, minor)
    local its_major, its_minor = table.unpack(host.kernel_version)
    return its_major > major or (its_major == major and its_minor >= minor)
end

return hosts
