-- SPDX-License-Identifier: Apache-2.0
--- The transaction of the sources that copy. Huge pages are mapped aside, filled, compared with
-- the originals and protected. Then they are moved over the originals in one step. At no time is
-- memory both writable and executable, and no address is ever without code. If a step fails, the
-- range is as it was.

local codes = require "tiexec.base.codes"
local core = require "tiexec.core"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"
local sharers = require "tiexec.harness.sharers"

local c = core.constants
local copy = {}

local RW <const> = c.PROT_READ | c.PROT_WRITE
local ANONYMOUS <const> = c.MAP_PRIVATE | c.MAP_ANONYMOUS
local SMALLEST_PAGE <const> = 4096 -- regions of small pages need no larger alignment
local MOVE <const> = c.MREMAP_MAYMOVE | c.MREMAP_FIXED

-- Memory of the target that will be the copy: `address` and `size`.
local Region = {}
Region.__index = Region

-- Unmaps the region at the end of its scope, unless it has been moved over the originals.
function Region:__close()
    if self.held then self.target.call("munmap", self.address, self.size) end
end

-- Maps a region that is aligned to huge pages. The kernel aligns hugetlb memory itself. Other
-- memory is mapped one huge page larger, and its ends are unmapped.
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

-- Tells whether a debugger or a uprobe has written to the text of a file. A uprobe belongs to the
-- file: a copy would have its trap, but nobody would handle it, and the program would die of
-- SIGTRAP.
local function has_traps(target, mapping, range)
    if mapping.inode == 0 or not protection.is_executable(mapping.perms) then return false end
    local pages = target.pages(ranges.common(mapping, range))
    return pages.anon_small + pages.anon_huge > 0 and not target.has_text_relocations(mapping)
end

-- Lists the originals of a range in order of address: the parts of mappings that lie in it.
-- `headers`: the original begins with the file's first page. Gaps between originals are zero in
-- the copy. `is_compared`: the bytes are known to be those of the file.
local function originals_of(target, range, is_compared)
    local mappings, why = target.mappings()
    if not mappings then return nil, why end
    local list = {}
    for _, mapping in ipairs(mappings) do
        if mapping.start >= 0 and ranges.overlap(mapping, range) then
            if not is_compared and has_traps(target, mapping, range) then
                return nil, codes.words("written-to")
            end
            local start, stop = ranges.common(mapping, range)
            local headers = mapping.inode ~= 0 and mapping.offset == 0 and mapping.start == start
            list[#list + 1] = { start = start, stop = stop, headers = headers }
        end
    end
    return list
end

-- Copies the originals to where they belong in the region, which stands for a range that begins at
-- `from`.
local function fill(target, region, originals, from)
    for _, original in ipairs(originals) do
        local to, size = region.address + original.start - from, original.stop - original.start
        local ok, why = target.copy(to, original.start, size)
        if not ok then return nil, why end
    end
    return true
end

-- Does every step before the swap: afterwards the region is huge, has the bytes of the originals,
-- and is read-execute. `range` is where the originals lie now. Populating makes the target itself
-- touch the memory. On hosts with several NUMA nodes that comes first, so that the memory comes
-- from the target's node. Else it comes after the filling: so the kernel clears each page right
-- before it is filled, and the filling finds the page in the processor's caches.
local function prepare(target, region, range, originals, how)
    local executable, why = target.executable(range.start, range.stop)
    local ok = executable ~= nil
    local address, size = region.address, region.size
    if ok and how.advise then ok, why = how.advise(target, address, size) end
    if ok and how.host.nodes > 1 then ok, why = how.populate(target, address, size) end
    if ok then ok, why = fill(target, region, originals, range.start) end
    if ok then ok, why = how.populate(target, address, size) end
    if ok and how.verify then ok, why = how.verify(target, address, size) end
    if ok then ok, why = target.call("mprotect", address, size, c.PROT_READ | executable) end
    if ok and how.name then target.name(address, size, how.name) end
    return ok, why
end

-- Leaves a copy out of core dumps, as the kernel leaves out the text of files: debuggers read it
-- from the file. Only the first page of a file is dumped, since its build-id tells debuggers
-- which file it is. So the huge page around that page is dumped, too: to leave out a part of it
-- would split it. This comes after the swap because it divides the mapping, and mremap moves only
-- one before Linux 6.17.
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

-- Makes the copy aside, and moves it over the originals: mremap replaces them in one step.
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

-- A place aside, to which the originals of a range are moved. `moved` counts those that lie there,
-- `mapped` is true when the copy is mapped in their place, `done` when the copy is complete.
local Aside = {}
Aside.__index = Aside

-- Ends the transaction. If the copy is complete, the originals are unmapped; else they are moved
-- back.
function Aside:__close()
    local target, start = self.target, self.start
    if not self.done and self.mapped then target.call("munmap", start, self.size) end
    for i = 1, self.done and 0 or self.moved do
        local original = self.originals[i]
        local size, from = original.stop - original.start, self.address + original.start - start
        target.call("mremap", from, size, size, MOVE, original.start)
    end
    target.call("munmap", self.address, self.size)
end

-- Reserves a place aside for the originals of a range.
local function map_aside(target, range, originals)
    local size = range.stop - range.start
    local address, why = target.call("mmap", 0, size, c.PROT_NONE, ANONYMOUS, -1, 0)
    if not address then return nil, why end
    return setmetatable({ target = target, start = range.start, size = size, address = address,
        originals = originals, moved = 0 }, Aside)
end

-- Moves the originals aside one by one, since mremap moves one mapping at a time before Linux 6.17.
-- Gives the list of where they lie then.
function Aside:take_all()
    local moved = {}
    for i, original in ipairs(self.originals) do
        local size = original.stop - original.start
        local to = self.address + original.start - self.start
        local ok, why = self.target.call("mremap", original.start, size, size, MOVE, to)
        if not ok then return nil, why end
        self.moved = i
        moved[i] = { start = to, stop = to + size }
    end
    return moved
end

-- Moves the originals aside and makes the copy in their place, because before Linux 5.16 hugetlb
-- memory cannot be moved. If a step fails, the originals are moved back. All threads must be
-- stopped, and nobody else may have the same memory: for a moment there is no text.
local function copy_in_place(target, range, originals, how)
    local sharer = sharers.find(target.pid)
    if sharer then
        return nil, codes.words("sharer", sharer)
    end
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
        return nil, why or codes.words("taken")
    end
    aside.mapped = true
    local from = { start = aside.address, stop = aside.address + aside.size }
    local here = { address = address, size = aside.size }
    aside.done, why = prepare(target, here, from, moved, how)
    return aside.done, why
end

--- Makes the target touch memory that is mapped for a copy, so that it gets its pages:
-- MADV_POPULATE_WRITE (Linux 5.14). On older kernels nothing is done, and the filling touches
-- what there is to copy.
-- @tparam Target target
-- @int address
-- @int size bytes
-- @treturn[1] boolean true
-- @treturn[2] nil, string why there are no pages
function copy.populate(target, address, size)
    local _, why, errno = target.call("madvise", address, size, c.MADV_POPULATE_WRITE)
    if errno and errno ~= c.EINVAL then return nil, why end
    return true
end

--- Replaces a range by a copy on huge pages.
-- @tparam Target target
-- @tparam Range range whole huge pages
-- @tparam table how how the memory is had: `host`, the Host, for huge pages of the size in
-- question; `flags`, MAP_* for mmap beside those of private anonymous memory; `populate(target,
-- address, size)` touches the memory; `advise`, of the same form, is called before that, if it
-- is given; `verify`, of the same form, tells at last whether the memory is huge, if it is
-- given; `in_place` is true if the memory cannot be moved once it is mapped; `name` is the name
-- of the copy in maps, if it is given
-- @treturn[1] boolean true
-- @treturn[2] nil, string why it failed; the range is as it was
function copy.replace(target, range, how)
    local originals, why = originals_of(target, range)
    if not originals then return nil, why end
    local ok
    ok, why = (how.in_place and copy_in_place or move_over)(target, range, originals, how)
    if ok then leave_out_of_dumps(target, range, originals, how.host.huge_page_size) end
    return ok, why
end

--- Replaces a range by a copy on small pages, in one step. Such memory can be replaced bit by bit
-- afterwards, which hugetlb memory cannot.
-- @tparam Target target
-- @tparam Range range whole huge pages, whose bytes are known to be those of the file
-- @treturn[1] boolean true
-- @treturn[2] nil, string why it failed; the range is as it was
function copy.make_small(target, range)
    local originals, why = originals_of(target, range, true)
    if not originals then return nil, why end
    return move_over(target, range, originals, {
        host = { huge_page_size = SMALLEST_PAGE, nodes = 1 },
        flags = 0,
        populate = copy.populate,
    })
end

return copy
