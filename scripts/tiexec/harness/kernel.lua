-- SPDX-License-Identifier: Apache-2.0
--- What is asked of the kernel in different ways, by its version or by the size of the pages.

local core = require "tiexec.core"

local c = core.constants
local kernel = {}

--- Has the pages of a range read and mapped, which tells whether they are huge. Before Linux 5.14, which brought
-- MADV_POPULATE_READ, one byte of each huge page is read: that maps the huge page as a whole, if there is one.
-- @tparam Target target
-- @int address
-- @int size bytes
-- @int huge size of the pages, bytes
-- @treturn[1] integer or boolean it was done
-- @treturn[2] nil, string, integer
function kernel.populate(target, address, size, huge)
    local ok, why, errno = target.call("madvise", address, size, c.MADV_POPULATE_READ)
    if ok or errno ~= c.EINVAL then return ok, why, errno end
    for at = address, address + size - 1, huge do
        ok, why, errno = target.read(at, 1)
        if not ok then return nil, why, errno end
    end
    return true
end

--- The flags by which mmap gives hugetlb memory in pages of `size` bytes. Beside MAP_HUGETLB they hold the
-- logarithm of the size, which need not be the default one.
function kernel.hugetlb_flags(size)
    local log2 = 0
    while 1 << log2 < size do log2 = log2 + 1 end
    return c.MAP_HUGETLB | log2 << c.MAP_HUGE_SHIFT
end

--- The file that switches transparent huge pages of `size` bytes. Since Linux 6.8 each size has a switch of its
-- own, which may say "inherit": then the switch for all sizes counts.
-- @int size
-- @string[opt] root a folder that stands for /, for tests
function kernel.thp_switch(size, root)
    local folder = "/sys/kernel/mm/transparent_hugepage/"
    local own = ("%shugepages-%dkB/enabled"):format(folder, size >> 10)
    local word = (core.read_file((root or "") .. own) or ""):match("%[(%w+)%]")
    return word and word ~= "inherit" and own or folder .. "enabled"
end

return kernel
