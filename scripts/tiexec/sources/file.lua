-- SPDX-License-Identifier: Apache-2.0
--- The source `file`: the mapping stays the file's, and the page cache gets huge pages. It needs
-- neither root, nor a pool, nor memory of its own. Symbols, perf, uprobes and core dumps stay as
-- they are.
--
-- The mapping must be congruent: address ≡ file offset, modulo the huge page. And the filesystem
-- must have large folios (xfs; ext4 since Linux 6.16), or the kernel must have MADV_COLLAPSE for
-- files.

local codes = require "tiexec.base.codes"
local core = require "tiexec.core"
local hosts = require "tiexec.harness.hosts"
local identity = require "tiexec.sources.identity"
local kernel = require "tiexec.harness.kernel"
local pieces = require "tiexec.sources.pieces"
local ranges = require "tiexec.base.ranges"
local recache = require "tiexec.sources.recache"

local c = core.constants

local FIXED <const> = c.MAP_PRIVATE | c.MAP_FIXED
local MOVE <const> = c.MREMAP_MAYMOVE | c.MREMAP_FIXED

-- Says in parentheses what keeps the huge pages at both ends from being the file's.
local function because(below, above)
    local words = {}
    if below then words[1] = "below: " .. below end
    if above then words[#words + 1] = "above: " .. above end
    return #words > 0 and " (" .. table.concat(words, "; ") .. ")" or ""
end

local function fit(target, range, host)
    if not hosts.is_at_least(host, 5, 18) then
        return nil, codes.words("old-kernel")
    end
    local mappings, why = target.mappings(range)
    if not mappings then return nil, why end
    local text = pieces.main_text(mappings, range)
    if not text then return nil, codes.words("no-file-text") end
    local huge, base = host.huge_page_size, text.start - text.offset
    local off = base & (huge - 1)
    if off ~= 0 then
        return nil, codes.words("not-congruent", off)
    end
    local size = target.file_size(text)
    if not size then return nil, codes.words("file-gone") end
    local list = pieces.of(target, mappings, range, { text = text, base = base })
    local start, stop, below, above = pieces.run_around(list, text)
    if stop and stop > base + size then stop, above = base + size, "the end of the file" end
    if start then start, stop = ranges.inward(start, stop, huge) end
    if not start then return nil, codes.words("no-file-page", because(below, above)) end
    return { start = start, stop = stop, text = text, base = base, below = below, above = above,
        mappings = mappings }
end

-- The part of the file mapped aside, congruently: `address` and `size`. The memory that was
-- reserved for it begins at `base` and has `total` bytes.
local Region = {}
Region.__index = Region

-- Unmaps all of the reserved memory at the end of the scope. If the region has been moved over the
-- original, only what lay around it is unmapped.
function Region:__close()
    local target, stop = self.target, self.base + self.total
    local from = self.held and self.base or self.address + self.size
    if not self.held and self.base < self.address then
        target.call("munmap", self.base, self.address - self.base)
    end
    if from < stop then target.call("munmap", from, stop - from) end
end

local function map_file(target, part, region)
    local ok, why = target.call("mmap", region.address, region.size,
        c.PROT_READ | region.executable, FIXED, region.fd, part.start - part.base)
    if not ok then return nil, why end
    return target.call("madvise", region.address, region.size, c.MADV_HUGEPAGE)
end

-- Maps the part of the file at a congruent place aside. It is one mapping, which can be huge as a
-- whole. To map only what is missing in the range would not do, since the kernel merges mappings
-- only if they are of the same open file.
local function map_aside(target, part, huge, fd)
    local size = part.stop - part.start
    local executable, unknown = target.executable(part.start, part.stop)
    if not executable then return nil, unknown end
    local base, why = target.call("mmap", 0, size + huge, c.PROT_NONE,
        c.MAP_PRIVATE | c.MAP_ANONYMOUS, -1, 0)
    if not base then return nil, why end
    local self = setmetatable({ target = target, base = base, total = size + huge, size = size,
        address = ranges.align_up(base, huge), executable = executable, fd = fd, held = true },
        Region)
    local ok
    ok, why = map_file(target, part, self)
    if ok then return self end
    self:__close()
    return nil, why
end

-- Reads a region anew, and tells whether it is on huge pages: a boolean, or nil and why it cannot
-- be read.
local function is_huge(target, region, huge)
    local address, size = region.address, region.size
    target.call("madvise", address, size, c.MADV_DONTNEED) -- forgets entries for small pages
    local ok, why, errno = kernel.populate(target, address, size, huge)
    if errno == c.EFAULT then return nil, codes.words("file-error") end
    if not ok then return nil, why end
    return target.pages(address, address + size).file_huge >= size
end

-- Lists the pieces of all mappings that overlap the part, if they can be joined in place; else
-- gives nil. The mappings are listed whole, since they must be put back whole: half a mapping
-- does not merge with what is mapped afresh beside it.
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

-- Makes one mapping of the part by mprotect alone. The kernel merges mappings of the same open
-- file side by side when they get the same protection; execve, the dynamic linker and `relocate`
-- make such. If the cached pages are huge already, this takes half the system calls. Gives a
-- false value if that fails: then its protection may have changed.
local function join(target, part, list)
    local executable, unequal = target.executable(part.start, part.stop), false
    for _, piece in ipairs(list) do unequal = unequal or piece.perms:sub(1, 3) ~= "r-x" end
    if not executable or not unequal then return executable end
    return target.call("mprotect", part.start, part.stop - part.start, c.PROT_READ | executable)
end

local function advise(target, part)
    return target.call("madvise", part.start, part.stop - part.start, c.MADV_HUGEPAGE)
end

local function is_huge_there(target, part, huge)
    return is_huge(target, { address = part.start, size = part.stop - part.start }, huge)
end

-- Gets huge pages for the part at a place aside, and moves that mapping over the original in one
-- step. The kernel does not tell perf of the move. perf need not know: the same text is at the
-- same addresses.
local function move_over(target, part, host, fd)
    local region <close>, refused = map_aside(target, part, host.huge_page_size, fd)
    if not region then return nil, refused end
    local ok, why = identity.check(target, part, region)
    if ok then ok, why = is_huge(target, region, host.huge_page_size) end
    if not ok then return nil, why or codes.words("stays-small") end
    ok, why = target.call("mremap", region.address, region.size, region.size, MOVE, part.start)
    if not ok then return nil, why end
    region.held = false
    -- The move may have split a huge page: the kernel maps it whole again.
    target.call("madvise", part.start, region.size, c.MADV_POPULATE_READ)
    return true
end

-- Gets the page cache its huge pages, and the part these: in place, if there is a list of its
-- pieces, or by a mapping aside.
local function make_huge(target, part, host, options, opened)
    local huge, list = host.huge_page_size, opened.list
    local ok, why, state = recache.make_huge(target, part, opened.fd, huge, options)
    if not ok then return nil, why, state end
    opened.is_joined = list ~= nil
    if list and join(target, part, list) and advise(target, part)
        and is_huge_there(target, part, huge) then
        return true
    end
    return move_over(target, part, host, opened.fd)
end

-- Whether a process that runs can be served once it is stopped, without anything to be read.
local function will_serve(target, range, host)
    local part = fit(target, range, host)
    local path = part and target.file(part.text)
    return path and recache.is_huge(target, part, path, host.huge_page_size) or false
end

-- What is cached is mostly huge, and the target finds out fastest: then its mappings stay, and with
-- them all properties that they have. The advice comes last, since nothing takes it back.
local function replace_in_place(target, part, host)
    local list, path = joinable(target, part), target.file(part.text)
    if not list or not path or not recache.is_cached(target, part, path, host.huge_page_size) then
        return false
    end
    if join(target, part, list) and is_huge_there(target, part, host.huge_page_size)
        and advise(target, part) then
        return true
    end
    if pieces.protect(target, list) then return false end
    local file <close> = target.open(part.text)
    if file then pieces.restore(target, list, file.fd) end
    return false
end

local function replace(target, part, host, options)
    -- The file is opened before anything is changed, so that its pieces can be put back.
    local file <close>, why = target.open(part.text)
    if not file then return nil, why end
    local opened = { fd = file.fd, list = joinable(target, part) }
    local ok, refused, state = make_huge(target, part, host, options, opened)
    if ok or not opened.is_joined then return ok, refused, state end
    -- Text of the same file side by side is whole in any protection.
    pieces.protect(target, opened.list)
    local restored, lost = pieces.restore(target, opened.list, file.fd)
    if not restored then
        refused = codes.words("not-put-back", refused, lost)
    end
    return nil, refused, state
end

-- Makes system calls of the same kinds as `replace` does, for a seccomp filter to judge.
local function rehearse(target, host)
    local size = host.huge_page_size
    local flags = c.MAP_PRIVATE | c.MAP_ANONYMOUS
    local place = assert(target.call("mmap", 0, 2 * size, c.PROT_READ, flags, -1, 0))
    for _, advice in ipairs { c.MADV_HUGEPAGE, c.MADV_DONTNEED, c.MADV_POPULATE_READ } do
        target.call("madvise", place, size, advice)
    end
    target.call("mprotect", place, size, c.PROT_READ)
    target.call("mremap", place, size, size, MOVE, place + size)
    target.call("munmap", place, 2 * size)
    recache.rehearse(size)
end

return {
    name = "file",
    description = "the file itself, on huge pages of the page cache",
    keeps_file = true,
    fit = fit,
    will_serve = will_serve,
    replace_in_place = replace_in_place,
    replace = replace,
    rehearse = rehearse,
}
