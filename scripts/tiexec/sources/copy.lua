-- SPDX-License-Identifier: Apache-2.0
--- The transaction of the copying sources: huge pages are mapped aside, filled, compared and
-- protected, then moved over the original at once. At no time is there writable and executable
-- memory, nor an address without code. Whatever fails, the range is as it was.

local core = require "tiexec.core"
local planner = require "tiexec.planner"

local c = core.constants
local copy = {}

local RW <const> = c.PROT_READ | c.PROT_WRITE
local ANONYMOUS <const> = c.MAP_PRIVATE | c.MAP_ANONYMOUS
local MOVE <const> = c.MREMAP_MAYMOVE | c.MREMAP_FIXED

local Region = {}
Region.__index = Region

-- Unmapped when its scope is left, unless it has found its place.
function Region:__close()
    if self.held then self.process.call("munmap", self.address, self.size) end
end

-- Maps `size` bytes aligned to huge pages. hugetlb memory is aligned by nature; for the rest one huge
-- page more is mapped and the ends are given back.
local function map_aligned(process, size, huge, flags)
    local extra = flags & c.MAP_HUGETLB == 0 and huge or 0
    local base, why = process.call("mmap", 0, size + extra, RW, ANONYMOUS | flags, -1, 0)
    if not base then return nil, why end
    local address = planner.align_up(base, huge)
    if address > base then process.call("munmap", base, address - base) end
    local rest = base + extra - address
    if rest > 0 then process.call("munmap", address + size, rest) end
    return setmetatable({ process = process, address = address, size = size, held = true }, Region)
end

-- Whether somebody has written to the text of a file: a breakpoint, or a uprobe's. A uprobe belongs to
-- the file: a copy would have the trap but nobody to handle it, and the program would die of SIGTRAP.
local function has_traps(process, mapping, start, stop)
    if mapping.inode == 0 or mapping.perms:sub(3, 3) ~= "x" then return false end
    local pages = process.pages(start, stop)
    return pages.anon_small + pages.anon_huge > 0 and not process.has_text_relocations(mapping)
end

-- The mapped parts of [start, stop), in order. What lies between them stays zero in the copy.
local function pieces(process, start, stop)
    local mappings, why = process.mappings()
    if not mappings then return nil, why end
    local list = {}
    for _, mapping in ipairs(mappings) do
        if mapping.start < stop and start < mapping.stop and mapping.start >= 0 then
            if has_traps(process, mapping, math.max(mapping.start, start), math.min(mapping.stop, stop)) then
                return nil, "its text was written to (a breakpoint or uprobe?), which must not be copied"
            end
            list[#list + 1] = { start = math.max(mapping.start, start), stop = math.min(mapping.stop, stop),
                headers = mapping.inode ~= 0 and mapping.offset == 0 and mapping.start >= start }
        end
    end
    return list
end

local function fill(process, region, list, from)
    for _, piece in ipairs(list) do
        local ok, why = process.copy(region.address + piece.start - from, piece.start, piece.stop - piece.start)
        if not ok then return nil, why end
    end
    return true
end

-- Everything up to the swap: a region that is huge, has the bytes, and is read-execute. Populating
-- makes the target itself touch the memory: first where there are several NUMA nodes, for it to come
-- from the target's; else after the filling, which then finds each page in the caches just cleared.
local function prepare(process, region, range, list, host, how)
    local executable, why = process.executable(range.start, range.stop)
    local ok = executable ~= nil
    if ok and how.advise then ok, why = how.advise(process, region.address, region.size) end
    if ok and host.nodes > 1 then ok, why = how.populate(process, region.address, region.size) end
    if ok then ok, why = fill(process, region, list, range.start) end
    if ok then ok, why = how.populate(process, region.address, region.size) end
    if ok and how.verify then ok, why = how.verify(process, region.address, region.size) end
    if ok then ok, why = process.call("mprotect", region.address, region.size, c.PROT_READ | executable) end
    if ok and how.name then process.name(region.address, region.size, how.name) end
    return ok, why
end

-- Text of a file is not in core dumps either: debuggers read it from the file. But its first page is:
-- it has the build-id by which they know the file. So the huge page around that stays in; less than a huge page
-- would split it. Only now, since before Linux 6.17 mremap moves one mapping and not two.
local function leave_out_of_dumps(process, range, list, huge)
    local at = range.start
    local function leave_out(stop)
        if at < stop then process.call("madvise", at, stop - at, c.MADV_DONTDUMP) end
    end
    for _, piece in ipairs(list) do
        if piece.headers then
            leave_out(planner.align_down(piece.start, huge))
            at = math.max(at, planner.align_down(piece.start, huge) + huge)
        end
    end
    leave_out(range.stop)
end

-- mremap replaces what was there in one step.
local function move_over(process, range, list, host, how)
    local size = range.stop - range.start
    local region <close>, why = map_aligned(process, size, host.huge_page_size, how.flags)
    if not region then return nil, why end
    local ok
    ok, why = prepare(process, region, range, list, host, how)
    if ok then ok, why = process.call("mremap", region.address, size, size, MOVE, range.start) end
    if not ok then return nil, why end
    region.held = false
    return true
end

local Aside = {}
Aside.__index = Aside

-- Leaves the transaction: the originals, which lie aside, go away if the copy took their place, else
-- back to where they were.
function Aside:__close()
    local process, start = self.process, self.start
    if not self.done and self.mapped then process.call("munmap", start, self.size) end
    for i = 1, self.done and 0 or self.moved do
        local piece = self.list[i]
        local size = piece.stop - piece.start
        process.call("mremap", self.address + piece.start - start, size, size, MOVE, piece.start)
    end
    process.call("munmap", self.address, self.size)
end

-- Moves the pieces of a range to a place aside, one by one: mremap moves one mapping at a time.
local function move_aside(process, range, list)
    local size = range.stop - range.start
    local address, why = process.call("mmap", 0, size, c.PROT_NONE, ANONYMOUS, -1, 0)
    if not address then return nil, why end
    return setmetatable({ process = process, start = range.start, size = size, address = address,
        list = list, moved = 0 }, Aside)
end

function Aside:take_all()
    local originals = {}
    for i, piece in ipairs(self.list) do
        local size, to = piece.stop - piece.start, self.address + piece.start - self.start
        local ok, why = self.process.call("mremap", piece.start, size, size, MOVE, to)
        if not ok then return nil, why end
        self.moved = i
        originals[i] = { start = to, stop = to + size }
    end
    return originals
end

-- Before Linux 5.16 hugetlb memory cannot be moved. Then the original is moved aside, the copy is made
-- in place, and on any failure the original is moved back. All threads are stopped.
local function copy_in_place(process, range, list, host, how)
    local aside <close>, why = move_aside(process, range, list)
    if not aside then return nil, why end
    local originals
    originals, why = aside:take_all()
    if not originals then return nil, why end
    local flags = ANONYMOUS | c.MAP_FIXED_NOREPLACE | how.flags
    local address
    address, why = process.call("mmap", range.start, aside.size, RW, flags, -1, 0)
    if address ~= range.start then
        if address then process.call("munmap", address, aside.size) end
        return nil, why or "the address was taken"
    end
    aside.mapped = true
    local from = { start = aside.address, stop = aside.address + aside.size }
    local here = { address = address, size = aside.size }
    aside.done, why = prepare(process, here, from, originals, host, how)
    return aside.done, why
end

--- Replaces a range by a copy on huge pages.
-- @tparam table process see `tiexec.process`
-- @tparam table range `start`, `stop`: whole huge pages
-- @tparam table host `huge_page_size`
-- @tparam table how `flags` for mmap; `advise(process, address, size)` before the memory is
-- touched, or nil; `populate`, the same form, which touches it; `verify`, the same, or nil;
-- `in_place`: this memory cannot be moved once it is mapped; `name`: what maps shall call it, or nil
-- @treturn[1] boolean true
-- @treturn[2] nil, string why; the range is as it was
function copy.remap(process, range, host, how)
    local list, why = pieces(process, range.start, range.stop)
    if not list then return nil, why end
    local ok
    ok, why = (how.in_place and copy_in_place or move_over)(process, range, list, host, how)
    if ok then leave_out_of_dumps(process, range, list, host.huge_page_size) end
    return ok, why
end

return copy
