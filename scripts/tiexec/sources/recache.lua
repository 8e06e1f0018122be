-- SPDX-License-Identifier: Apache-2.0
--- Dropping the cached pages of a file, for the source `file`: small pages stay small as long as
-- they are cached, but those that are read again are huge. A page that has been dropped is gone if
-- the disk has failed since it was read. So the whole part is read from the medium first, past the
-- page cache, and compared with what the process has.

local core = require "tiexec.core"
local identity = require "tiexec.sources.identity"
local kernel = require "tiexec.harness.kernel"
local protection = require "tiexec.harness.protection"

local c = core.constants
local recache = {}

-- Calls `visit` with each mapping of the part's bytes that the target has not written to.
local function each_mapping(target, part, visit)
    local from, to, text = part.start - part.base, part.stop - part.base, part.text
    for _, m in ipairs(target.mappings() or {}) do
        local size = m.stop - m.start
        local is_of_it = m.inode == text.inode and m.major == text.major and m.minor == text.minor
            and m.offset < to and m.offset + size > from
        if is_of_it and not protection.is_writable(m.perms) then
            local pages = target.pages(m.start, m.stop)
            if pages.anon_small + pages.anon_huge == 0 then visit(m, size) end
        end
    end
end

-- Makes the target forget its page table entries for the part. The pages stay in the page cache.
local function forget(target, part)
    each_mapping(target, part, function(m, size)
        target.call("madvise", m.start, size, c.MADV_DONTNEED)
    end)
end

-- Tells whether the pages of the part are mapped elsewhere, too: the kernel would not drop them.
-- Only the region aside maps them in the target meanwhile.
local function is_shared(target, part, region, huge)
    forget(target, part)
    kernel.populate(target, region.address, region.size, huge)
    local bytes = core.pagemap_shared(target.pid, region.address, region.address + region.size)
    return bytes == nil or bytes > 0
end

--- Tells whether the pages of a part may be dropped: nobody else maps them, and the medium has
-- them.
-- @tparam Target target
-- @tparam FilePart part
-- @tparam table region the part mapped aside: `address`, `size`, and `fd`, the target's descriptor
-- @int huge the size of a huge page, in bytes
-- @treturn[1] boolean true
-- @treturn[2] nil, string why the pages must stay
function recache.check(target, part, region, huge)
    if is_shared(target, part, region, huge) then
        return nil, "its cached pages stay small (another process maps them, or they are locked)"
    end
    local ok, why = target.call("fsync", region.fd)
    if not ok then return nil, "its file cannot be written back: " .. why end
    local path = ("/proc/%d/fd/%d"):format(target.pid, region.fd)
    local errno
    ok, why, errno = identity.compare(target, part, path, true)
    if ok then return true end
    if errno == c.EOPNOTSUPP then why = "its filesystem reads from the page cache alone" end
    if errno == c.EILSEQ then why = "the medium has other bytes" end
    return nil, "its cached pages are small, and may not be had again: " .. why
end

--- Drops the cached pages of a part. The kernel drops only pages that are written back and that
-- nobody maps. So the target first forgets its page table entries, in each mapping of the file
-- that it has not written to.
-- @tparam Target target
-- @tparam FilePart part
-- @int fd file descriptor of the target, for the file
function recache.drop(target, part, fd)
    forget(target, part)
    local from, to = part.start - part.base, part.stop - part.base
    target.call("fadvise64", fd, from, to - from, c.POSIX_FADV_DONTNEED)
end

--- Says what has come of it if the pages could not be read again after all.
-- @tparam Target target
-- @tparam FilePart part
-- @string why the first failure
-- @treturn nil
-- @treturn string why
-- @treturn ?string "broken": the text of the process is not whole any more
function recache.failed(target, part, why)
    for _, m in ipairs(part.mappings) do
        local start, stop = math.max(m.start, part.start), math.min(m.stop, part.stop)
        if start < stop then
            local ok, _, errno = target.call("madvise", start, stop - start, c.MADV_POPULATE_READ)
            if not ok and errno == c.EFAULT then return nil, why, "broken" end
        end
    end
    return nil, why
end

return recache
