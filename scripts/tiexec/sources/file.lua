-- SPDX-License-Identifier: Apache-2.0
--- The file itself: the mapping stays the file's, and the page cache gets huge pages. No root, no pool,
-- no memory of its own; symbols, perf, uprobes and core dumps stay as they are.
--
-- Needs a congruent mapping (address ≡ file offset, modulo the huge page) and a filesystem with large
-- folios (ext4 since Linux 6.16, xfs, btrfs), or MADV_COLLAPSE for files where the kernel can.

local core = require "tiexec.core"
local hosts = require "tiexec.harness.hosts"
local kernel = require "tiexec.harness.kernel"
local pieces = require "tiexec.sources.pieces"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"

local c = core.constants

local FIXED <const> = c.MAP_PRIVATE | c.MAP_FIXED
local MOVE <const> = c.MREMAP_MAYMOVE | c.MREMAP_FIXED

-- What keeps a page at an end from being the file's, in words.
local function because(part)
    local words = {}
    for _, side in ipairs { "below", "above" } do
        if part[side] then words[#words + 1] = side .. ": " .. part[side] end
    end
    return #words > 0 and " (" .. table.concat(words, "; ") .. ")" or ""
end

local function fit(target, range, host)
    if not hosts.is_at_least(host, 5, 18) then return nil, "needs Linux 5.18: the page cache has no huge pages" end
    local mappings, why = target.mappings()
    if not mappings then return nil, why end
    local text = pieces.main_text(mappings, range)
    if not text then return nil, "no text of a file is in it" end
    local huge, base = host.huge_page_size, text.start - text.offset
    if base & (huge - 1) ~= 0 then
        return nil, ("address and file offset differ by %#x: not congruent"):format(base & (huge - 1))
    end
    local size = target.file_size(text)
    if not size then return nil, "its file has been replaced or cannot be read" end
    local list = pieces.of(target, mappings, range, { text = text, base = base })
    local start, stop, below, above = pieces.run_around(list, text)
    if stop and stop > base + size then stop, above = base + size, "the end of the file" end
    start = start and ranges.align_up(start, huge)
    stop = stop and ranges.align_down(stop, huge)
    if not start or start >= stop then
        return nil, "no whole huge page of the file" .. because { below = below, above = above }
    end
    return { start = start, stop = stop, text = text, base = base, below = below, above = above, mappings = mappings }
end

local Aside = {}
Aside.__index = Aside

-- Unmapped when its scope is left: all of it, or the ends when the middle has found its place.
function Aside:__close()
    local target, stop = self.target, self.base + self.total
    local from = self.held and self.base or self.address + self.size
    if not self.held and self.base < self.address then
        target.call("munmap", self.base, self.address - self.base)
    end
    if from < stop then target.call("munmap", from, stop - from) end
end

local function map_file(target, part, aside)
    local ok, why = target.call("mmap", aside.address, aside.size, c.PROT_READ | aside.executable, FIXED, aside.fd,
        part.start - part.base)
    if not ok then return nil, why end
    return target.call("madvise", aside.address, aside.size, c.MADV_HUGEPAGE)
end

-- Maps the part of the file at a congruent place aside, in one mapping, which can be huge as a whole.
-- Pieces that are mapped already cannot be joined with what is mapped afresh: the kernel merges only
-- mappings of the same open file.
local function map_aside(target, part, huge, fd)
    local size = part.stop - part.start
    local executable, unknown = target.executable(part.start, part.stop)
    if not executable then return nil, unknown end
    local base, why = target.call("mmap", 0, size + huge, c.PROT_NONE, c.MAP_PRIVATE | c.MAP_ANONYMOUS, -1, 0)
    if not base then return nil, why end
    local self = setmetatable({ target = target, base = base, total = size + huge, size = size,
        address = ranges.align_up(base, huge), executable = executable, fd = fd, held = true }, Aside)
    local ok
    ok, why = map_file(target, part, self)
    if ok then return self end
    self:__close()
    return nil, why
end

local function is_huge(target, region, huge)
    local address, size = region.address, region.size
    target.call("madvise", address, size, c.MADV_DONTNEED) -- forget small page table entries
    local ok, why = kernel.populate(target, address, size, huge)
    if not ok then return nil, why end
    return target.pages(address, address + size).file_huge >= size
end

-- Pages that are cached already stay small. Written back and dropped, they come back huge. Only pages
-- that nobody maps are dropped: so this process forgets its own, of every mapping of the file that it
-- cannot have written to.
local function recache(target, part, fd)
    local from, to = part.start - part.base, part.stop - part.base
    for _, m in ipairs(target.mappings() or {}) do
        local size = m.stop - m.start
        if m.inode == part.text.inode and m.offset < to and m.offset + size > from
            and not protection.is_writable(m.perms) then
            local pages = target.pages(m.start, m.stop)
            if pages.anon_small + pages.anon_huge == 0 then target.call("madvise", m.start, size, c.MADV_DONTNEED) end
        end
    end
    target.call("fsync", fd)
    target.call("fadvise64", fd, from, to - from, c.POSIX_FADV_DONTNEED)
end

local function make_huge(target, part, aside, huge, options)
    local ok, why = is_huge(target, aside, huge)
    if ok or why then return ok, why end
    if target.call("madvise", aside.address, aside.size, c.MADV_COLLAPSE)
        and is_huge(target, aside, huge) then
        return true
    end
    if options.recache == "never" then return nil, "its cached pages are small" end
    -- Mapped afresh: the page tables that MADV_DONTNEED leaves keep huge pages out. (Since Linux 6.14 some
    -- CPUs' kernels free them: PT_RECLAIM.)
    ok, why = map_file(target, part, aside)
    if not ok then return nil, why end
    recache(target, part, aside.fd)
    ok, why = is_huge(target, aside, huge)
    if ok or why then return ok, why end
    return nil, "its cached pages stay small (another process maps them, or the filesystem has no large folios)"
end

-- The mappings that a part touches, whole: nil if it cannot be joined in place. Whole, for there to be a
-- way back: a mapping that has been split does not merge with what is mapped afresh beside it.
local function joinable(target, part)
    local whole = { start = part.start, stop = part.stop }
    for _, m in ipairs(part.mappings) do
        if ranges.overlap(m, part) then
            whole.start, whole.stop = math.min(whole.start, m.start), math.max(whole.stop, m.stop)
        end
    end
    local list = pieces.of(target, part.mappings, whole, part)
    for _, piece in ipairs(list) do
        if piece.foreign or not piece.perms then return nil end
    end
    return list
end

-- Mappings of the same open file side by side, as execve, the dynamic linker and `align` make them, become
-- one as soon as they have the same rights. Where the cached pages are huge already, that is all, with half
-- the system calls. Else nil, and rights may have been added.
local function join_in_place(target, part, list, huge)
    local executable, size = target.executable(part.start, part.stop), part.stop - part.start
    if not executable then return nil end
    local wanting = false
    for _, piece in ipairs(list) do wanting = wanting or piece.perms:sub(1, 3) ~= "r-x" end
    if wanting and not target.call("mprotect", part.start, size, c.PROT_READ | executable) then return nil end
    return target.call("madvise", part.start, size, c.MADV_HUGEPAGE)
        and is_huge(target, { address = part.start, size = size }, huge)
end

-- The page cache is made huge at a place aside; then that mapping is moved over the original, at once.
-- perf is not told of that, and need not be: the text is what it was, where it was.
local function move_over(target, part, host, fd, options)
    local aside <close>, refused = map_aside(target, part, host.huge_page_size, fd)
    if not aside then return nil, refused end
    local ok, why = make_huge(target, part, aside, host.huge_page_size, options)
    if not ok then return nil, why end
    ok, why = target.call("mremap", aside.address, aside.size, aside.size, MOVE, part.start)
    if not ok then return nil, why end
    aside.held = false
    target.call("madvise", part.start, aside.size, c.MADV_POPULATE_READ) -- should the move have split a page
    return true
end

-- The way back where the file cannot be opened: all but the advice.
local function protect_again(target, list)
    for _, piece in ipairs(list) do
        target.call("mprotect", piece.start, piece.stop - piece.start, piece.protection)
    end
end

local function replace(target, part, host, options)
    local list = joinable(target, part)
    if list and join_in_place(target, part, list, host.huge_page_size) then return true end
    local file <close>, why = target.open(part.text)
    if not file then
        protect_again(target, list or {})
        return nil, why
    end
    local ok
    ok, why = move_over(target, part, host, file.fd, options)
    if not ok and list then pieces.restore(target, list, file.fd) end
    return ok, why
end

return {
    name = "file",
    description = "the file itself, on huge pages of the page cache",
    keeps_file = true,
    fit = fit,
    replace = replace,
}
