-- SPDX-License-Identifier: Apache-2.0
--- What depends on the kernel's version.

local core = require "tiexec.core"

local c = core.constants
local kernel = {}

--- Whether the host's kernel is of this version or later.
function kernel.is_at_least(host, major, minor)
    local its_major, its_minor = table.unpack(host.kernel_version)
    return its_major > major or (its_major == major and its_minor >= minor)
end

--- Has the pages of a range read and mapped, which tells whether they are huge. Before Linux 5.14, which
-- has MADV_POPULATE_READ, a byte of each huge page is read: where there is one, that maps it whole.
-- @treturn[1] integer or boolean it was done
-- @treturn[2] nil, string, integer
function kernel.populate(process, address, size, huge)
    local ok, why, errno = process.call("madvise", address, size, c.MADV_POPULATE_READ)
    if ok or errno ~= c.EINVAL then return ok, why, errno end
    for at = address, address + size - 1, huge do
        ok, why, errno = process.read(at, 1)
        if not ok then return nil, why, errno end
    end
    return true
end

--- What mmap is to be told for hugetlb memory in pages of `size` bytes, which are not always the default ones: log2 of
-- that, beside MAP_HUGETLB.
function kernel.hugetlb_flags(size)
    local log2 = 0
    while 1 << log2 < size do log2 = log2 + 1 end
    return c.MAP_HUGETLB | log2 << c.MAP_HUGE_SHIFT
end

--- The file of the switch in force for transparent huge pages of `size` bytes. Since Linux 6.8 each size has one of its
-- own, which may say to go by that for all.
-- @int size
-- @string[opt] root a folder that stands for /, for tests
function kernel.thp_switch(size, root)
    local folder = "/sys/kernel/mm/transparent_hugepage/"
    local own = ("%shugepages-%dkB/enabled"):format(folder, size >> 10)
    local file <close> = io.open((root or "") .. own)
    local word = file and file:read("a"):match("%[(%w+)%]")
    return word and word ~= "inherit" and own or folder .. "enabled"
end

return kernel
