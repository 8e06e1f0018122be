-- SPDX-License-Identifier: Apache-2.0
--- Requests to the kernel whose form depends on its version or on the size of the pages.

local core = require "tiexec.core"

local c = core.constants
local kernel = {}

--- Reads and maps the pages of a range. Then the page tables show whether the pages are huge.
-- Before Linux 5.14, which brought MADV_POPULATE_READ, one byte of each huge page is read: that
-- maps the whole huge page, if there is one.
-- @tparam Target target
-- @int address
-- @int size bytes
-- @int huge the size of a huge page, in bytes
-- @return[1] a true value
-- @treturn[2] nil, message, errno
function kernel.populate(target, address, size, huge)
    local ok, why, errno = target.call("madvise", address, size, c.MADV_POPULATE_READ)
    if ok or errno ~= c.EINVAL then return ok, why, errno end
    for at = address, address + size - 1, huge do
        ok, why, errno = target.read(at, 1)
        if not ok then return nil, why, errno end
    end
    return true
end

--- Gives the flags of mmap for hugetlb memory. Beside MAP_HUGETLB they hold the logarithm of the
-- size of a page, which need not be the host's default.
-- @int size the size of a page, in bytes
-- @treturn int MAP_*
function kernel.hugetlb_flags(size)
    local log2 = 0
    while 1 << log2 < size do log2 = log2 + 1 end
    return c.MAP_HUGETLB | log2 << c.MAP_HUGE_SHIFT
end

--- Gives the file in /sys that switches transparent huge pages of one size. Since Linux 6.8 each
-- size has a file of its own. If that says "inherit", the file for all sizes counts.
-- @int size the size of a page, in bytes
-- @string[opt=""] root a folder that stands for /, for tests
-- @treturn string path, without the root
function kernel.thp_switch(size, root)
    local folder = "/sys/kernel/mm/transparent_hugepage/"
    local own = ("%shugepages-%dkB/enabled"):format(folder, size >> 10)
    local word = (core.read_file((root or "") .. own) or ""):match("%[(%w+)%]")
    return word and word ~= "inherit" and own or folder .. "enabled"
end

return kernel
