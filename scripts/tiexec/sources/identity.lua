-- SPDX-License-Identifier: Apache-2.0
--- Whether a file that the target has mapped aside is the very file that its text is a mapping of.
-- Where device and inode say so, the kernel has one page cache for both. On filesystems whose inode
-- numbers repeat the bytes are compared.

local codes = require "tiexec.base.codes"
local core = require "tiexec.core"

local c = core.constants
local identity = {}

-- The types of statfs(2) of filesystems in which an inode number stands for one file.
local UNIQUE <const> = { [0xef53] = true, [0x58465342] = true, [0x01021994] = true,
    [0xf2f52010] = true } -- ext2 to ext4, xfs, tmpfs, f2fs

--- Tells whether an inode number stands for one file on the filesystem of a path.
-- @string path
-- @treturn boolean
function identity.is_unique(path) return UNIQUE[core.filesystem_type(path)] or false end

-- Tells whether the kernel itself has one page cache for both mappings.
local function is_same_inode(target, part, region)
    local text = part.text
    for _, m in ipairs(target.mappings() or {}) do
        if m.start <= region.address and region.address < m.stop then
            return m.inode == text.inode and m.major == text.major and m.minor == text.minor
        end
    end
    return false
end

--- Compares the target's bytes of a part with those of a file.
-- @tparam Target target
-- @tparam FilePart part
-- @string path of the file
-- @bool direct reads from the medium, past the page cache
-- @treturn[1] boolean true
-- @treturn[2] nil, message, errno (EILSEQ: they differ)
function identity.compare(target, part, path, direct)
    -- While the target stands still, no file is opened.
    local kept = target.descriptor(part.text, direct)
    local fd, why, errno = kept, nil, nil
    if not kept then fd, why, errno = core.open_file(path, direct) end
    if not fd then return nil, why, errno end
    local ok = true
    for _, m in ipairs(part.mappings) do
        local start, stop = math.max(m.start, part.start), math.min(m.stop, part.stop)
        if ok and start < stop then
            local range = { start = start, stop = stop, offset = start - part.base, huge = 1,
                pieces = { { start = start, stop = stop } } }
            ok, why, errno = target.cache_compare(fd, range)
        end
    end
    if not kept then core.syscall("close", fd) end
    return ok, why, errno
end

--- Tells whether a region that is mapped aside has the bytes of a part.
-- @tparam Target target
-- @tparam FilePart part
-- @tparam table region the file mapped aside: `address`, `size`, `fd`
-- @treturn[1] boolean true
-- @treturn[2] nil, string why it is not known to have them
function identity.check(target, part, region)
    if not is_same_inode(target, part, region) then
        return nil, codes.words("just-replaced")
    end
    local path = ("/proc/%d/fd/%d"):format(target.pid, region.fd)
    if identity.is_unique(path) then return true end
    local ok, why, errno = identity.compare(target, part, path, false)
    if errno == c.EILSEQ then why = codes.words("other-bytes") end
    return ok, why
end

return identity
