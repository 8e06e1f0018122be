-- SPDX-License-Identifier: Apache-2.0
--- The transaction of the copying sources: huge pages are mapped aside, filled, compared and
-- protected, then moved over the original at once. At no time is there writable and executable
-- memory, nor an address without code. Whatever fails, the range is as it was.

local core = require "tiexec.core"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"

local c = core.constants
local copy = {}

local RW <const> = c.PROT_READ | c.PROT_WRITE
local ANONYMOUS <const> = c.MAP_PRIVATE | c.MAP_ANONYMOUS
local MOVE <const> = c.MREMAP_MAYMOVE | c.MREMAP_FIXED

local Region = {}
Region.__index = Region

-- Unmapped when its scope is left, unless it has found its place.
function Region:__close()
    if self.held then self.target.call("munmap", self.address, self.size) end
end

-- Maps `size` bytes aligned to huge pages. hugetlb memory is aligned by nature; for the rest one huge
-- page more is mapped and the ends are given back.
local function map_aligned(target, size, huge, flags)
    local extra = flags & c.MAP_HUGETLB == 0 and huge or 0
    local base, why = target.call("mmap", 0, size + extra, RW, ANONYMOUS | flags, -1, 0)
    if not base then return nil, why end
    local address = ranges.align_up(base, huge)
    if address > base then target.call("munmap", base, address - base) end
    local rest = base + extra - address
    if rest > 0 then target.call("munmap", address + size, rest) end
    return setmetatable({ target = target, address = address, size = size, held = true }, Region)
end

-- Whether somebody has written to the text of a file: a breakpoint, or a uprobe's. A uprobe belongs to
-- the file: a copy would have the trap but nobody to handle it, and the program would die of SIGTRAP.
local function has_traps(target, mapping, range)
    if mapping.inode == 0 or not protection.is_executable(mapping.perms) then return false end
    local pages = target.pages(ranges.common(mapping, range))
    return pages.anon_small + pages.anon_huge > 0 and not target.has_text_relocations(mapping)
end

-- What is mapped in a range, in order: the originals of the copy. What lies between them stays zero in the copy.
local function originals_of(target, range)
    local mappings, why = target.mappings()
    if not mappings then return nil, why end
    local list = {}
    for _, mapping in ipairs(mappings) do
        if mapping.start >= 0 and ranges.overlap(mapping, range) then
            if has_traps(target, mapping, range) then
                return nil, "its text was written to (a breakpoint or uprobe?), which must not be copied"
            end
            local start, stop = ranges.common(mapping, range)
            list[#list + 1] = { start = start, stop = stop,
                headers = mapping.inode ~= 0 and mapping.offset == 0 and mapping.start >= range.start }
        end
    end
    return list
end

-- Copies the originals, which lie in or were moved aside from a range that began at `from`.
local function fill(target, region, originals, from)
    for _, original in ipairs(originals) do
        local to, size = region.address + original.start - from, original.stop - original.start
        local ok, why = target.copy(to, original.start, size)
        if not ok then return nil, why end
    end
    return true
end

-- Everything up to the swap: a region that is huge, has the bytes, and is read-execute. Populating
-- makes the target itself touch the memory: first where there are several NUMA nodes, for it to come
-- from the target's; else after the filling, which then finds each page in the caches just cleared.
local function prepare(target, region, range, originals, how)
    local executable, why = target.executable(range.start, range.stop)
    local ok = executable ~= nil
    if ok and how.advise then ok, why = how.advise(target, region.address, region.size) end
    if ok and how.host.nodes > 1 then ok, why = how.populate(target, region.address, region.size) end
    if ok then ok, why = fill(target, region, originals, range.start) end
    if ok then ok, why = how.populate(target, region.address, region.size) end
    if ok and how.verify then ok, why = how.verify(target, region.address, region.size) end
    if ok then ok, why = target.call("mprotect", region.address, region.size, c.PROT_READ | executable) end
    if ok and how.name then target.name(region.address, region.size, how.name) end
    return ok, why
end

-- Text of a file is not in core dumps either: debuggers read it from the file. But its first page is:
-- it has the build-id by which they know the file. So the huge page around that stays in; less than a huge page
-- would split it. Only now, since before Linux 6.17 mremap moves one mapping and not two.
local function leave_out_of_dumps(target, range, originals, huge)
    local at = range.start
    local function leave_out(stop)
        if at < stop then target.call("madvise", at, stop - at, c.MADV_DONTDUMP) end
    end
    for _, original in ipairs(originals) do
        if original.headers then
            local first = ranges.align_down(original.start, huge)
            leave_out(first)
            at = math.max(at, first + huge)
        end
    end
    leave_out(range.stop)
end

-- mremap replaces what was there in one step.
local function move_over(target, range, originals, how)
    local size = range.stop - range.start
    local region <close>, why = map_aligned(target, size, how.host.huge_page_size, how.flags)
    if not region then return nil, why end
    local ok
    ok, why = prepare(target, region, range, originals, how)
    if ok then ok, why = target.call("mremap", region.address, size, size, MOVE, range.start) end
    if not ok then return nil, why end
    region.held = false
    return true
end

local Aside = {}
Aside.__index = Aside

-- Leaves the transaction: the originals, which lie aside, go away if the copy took their place, else
-- back to where they were.
function Aside:__close()
    local target, start = self.target, self.start
    if not self.done and self.mapped then target.call("munmap", start, self.size) end
    for i = 1, self.done and 0 or self.moved do
        local original = self.originals[i]
        local size = original.stop - original.start
        target.call("mremap", self.address + original.start - start, size, size, MOVE, original.start)
    end
    target.call("munmap", self.address, self.size)
end

-- Makes a place aside for the originals of a range.
local function map_aside(target, range, originals)
    local size = range.stop - range.start
    local address, why = target.call("mmap", 0, size, c.PROT_NONE, ANONYMOUS, -1, 0)
    if not address then return nil, why end
    return setmetatable({ target = target, start = range.start, size = size, address = address,
        originals = originals, moved = 0 }, Aside)
end

-- Moves the originals aside, one by one: mremap moves one mapping at a time. Gives where they lie now.
function Aside:take_all()
    local moved = {}
    for i, original in ipairs(self.originals) do
        local size, to = original.stop - original.start, self.address + original.start - self.start
        local ok, why = self.target.call("mremap", original.start, size, size, MOVE, to)
        if not ok then return nil, why end
        self.moved = i
        moved[i] = { start = to, stop = to + size }
    end
    return moved
end

-- Before Linux 5.16 hugetlb memory cannot be moved. Then the original is moved aside, the copy is made
-- in place, and on any failure the original is moved back. All threads are stopped.
local function copy_in_place(target, range, originals, how)
    local aside <close>, why = map_aside(target, range, originals)
    if not aside then return nil, why end
    local moved
    moved, why = aside:take_all()
    if not moved then return nil, why end
    local flags = ANONYMOUS | c.MAP_FIXED_NOREPLACE | how.flags
    local address
    address, why = target.call("mmap", range.start, aside.size, RW, flags, -1, 0)
    if address ~= range.start then
        if address then target.call("munmap", address, aside.size) end
        return nil, why or "the address was taken"
    end
    aside.mapped = true
    local from = { start = aside.address, stop = aside.address + aside.size }
    local here = { address = address, size = aside.size }
    aside.done, why = prepare(target, here, from, moved, how)
    return aside.done, why
end

--- Replaces a range by a copy on huge pages.
-- @tparam Target target
-- @tparam table range `start`, `stop`: whole huge pages
-- @tparam table how `host`, which tells the size of the pages; `flags` for mmap; `advise(target, address, size)`,
-- called before the memory is touched, or nil; `populate`, of the same form, which touches it; `verify`, of the same
-- form, or nil; `in_place`: this memory cannot be moved once it is mapped; `name`: what maps shall call it, or nil
-- @treturn[1] boolean true
-- @treturn[2] nil, string why; the range is as it was
function copy.replace(target, range, how)
    local originals, why = originals_of(target, range)
    if not originals then return nil, why end
    local ok
    ok, why = (how.in_place and copy_in_place or move_over)(target, range, originals, how)
    if ok then leave_out_of_dumps(target, range, originals, how.host.huge_page_size) end
    return ok, why
end

return copy
