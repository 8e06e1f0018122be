-- SPDX-License-Identifier: Apache-2.0
--- Moving a position-independent executable to a congruent base, at its exec stop: nothing has run, so
-- nothing knows where it is but the kernel, the auxiliary vector and, in a static program, the pc.
--
-- The new place is below the old one, by as little as leaves no overlap: so it is as random as the
-- kernel made it, less the bits of the alignment. Parts of the file are mapped afresh, since perf is told
-- of mmap and not of mremap; the kernel's zeros at the end of the data are carried over.

local auxv = require "tiexec.harness.auxv"
local congruent = require "tiexec.plan.congruent"
local core = require "tiexec.core"
local images = require "tiexec.harness.images"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"
local targets = require "tiexec.harness.targets"

local c = core.constants
local relocate = {}

local LEAST_TEXT <const> = 65536 -- less is not worth a look at the host

-- The mappings of the executable, its zero-filled data included, in order. The kernel may have put its
-- own, [vdso] and [vvar], into a hole between the segments of a static program: they stay. There is no heap yet, but
-- some kernels (6.1) give its name to zeros that end where it will begin, as they do without randomization.
local function own_mappings(mappings, low, high)
    local list = {}
    for _, m in ipairs(mappings) do
        local kernels = m.inode == 0 and m.path ~= "" and m.path ~= "[heap]"
        if m.start >= low and m.stop <= high and not kernels then list[#list + 1] = m end
    end
    return list
end

-- Maps a copy of one mapping `distance` below it.
local function map_below(target, m, distance, fd)
    local flags, size = c.MAP_PRIVATE | c.MAP_FIXED_NOREPLACE, m.stop - m.start
    if m.inode == 0 then flags = flags | c.MAP_ANONYMOUS end
    local to = m.start - distance
    local bits, unknown = protection.of(target, m.perms, m)
    if not bits then return nil, unknown end
    local got, why = target.call("mmap", to, size, bits, flags,
        m.inode == 0 and -1 or fd, m.inode == 0 and 0 or m.offset)
    if got == to then return true end
    if got then target.call("munmap", got, size) end
    return nil, why or "the place is taken"
end

-- The kernel has cleared the rest of the last page of a segment that is larger in memory than in the
-- file: the only bytes that differ from the file. With overlapping segments, or ones that meet and are
-- one mapping, that page may be anywhere in a mapping; so go by the segments.
local function carry_over(inferior, wanted)
    local page = wanted.host.page_size
    for segment in images.loads(wanted.image) do
        local tail = wanted.bias + segment.vaddr + segment.filesz
        if segment.memsz > segment.filesz and tail & (page - 1) ~= 0 then
            local at = ranges.align_down(tail, page)
            local bytes, why = inferior:read_memory(at, page)
            if not bytes then return nil, why end
            local ok = bytes == inferior:read_memory(at - wanted.distance, page)
            if not ok then ok, why = inferior:write_memory(at - wanted.distance, bytes) end
            if not ok then return nil, why end
        end
    end
    return true
end

-- The vector with AT_PHDR and AT_ENTRY moved.
local function moved_vector(bytes, distance)
    local words = {}
    for offset = 1, #bytes, 16 do
        local kind, value = string.unpack("jj", bytes, offset)
        if kind == auxv.AT_PHDR or kind == auxv.AT_ENTRY then value = value - distance end
        words[#words + 1] = string.pack("jj", kind, value)
    end
    return table.concat(words)
end

-- Tells the kernel: /proc/PID/stat and auxv follow. PR_SET_MM_MAP needs no capability (Linux 3.18).
local function tell_kernel(move, address, size)
    local inferior, distance = move.inferior, move.distance
    local layout, unknown = core.layout(inferior:pid())
    if not layout then return nil, unknown end
    local NO_EXE <const> = 0xffffffff
    local struct = string.pack("jjjjjjjjjjjjI4I4", layout.start_code - distance, layout.end_code - distance,
        layout.start_data - distance, layout.end_data - distance, layout.start_brk, layout.start_brk,
        layout.start_stack, layout.arg_start, layout.arg_end, layout.env_start, layout.env_end,
        address, size, NO_EXE)
    local map <close>, why = inferior:lend(struct)
    if not map then return nil, why end
    local ok
    ok, why = move.target.call("prctl", c.PR_SET_MM, c.PR_SET_MM_MAP, map.address, #struct, 0)
    return ok, why
end

local Move = {}
Move.__index = Move

-- Undoes what has been mapped, unless the move is done. Mappings that meet go together.
function Move:__close()
    local from, list, i = self.done and 0 or self.distance, self.mapped, 1
    while i <= #list do
        local start, stop = list[i].start, list[i].stop
        while list[i + 1] and list[i + 1].start == stop do i, stop = i + 1, list[i + 1].stop end
        self.target.call("munmap", start - from, stop - start)
        i = i + 1
    end
end

local function copy_all(move, list, fd)
    for _, m in ipairs(list) do
        local ok, why = map_below(move.target, m, move.distance, fd)
        if not ok then return nil, why end
        move.mapped[#move.mapped + 1] = m
    end
    return true
end

-- From here on the program is at the new place. The vector goes first: if the kernel refuses, it is
-- put back.
local function switch(move)
    local inferior, distance = move.inferior, move.distance
    local address, bytes = auxv.find(inferior, move.mappings)
    if not address then return nil, "its auxiliary vector was not found" end
    local pc, unknown = inferior:read_register("pc")
    if not pc then return nil, unknown end
    local ok, why = inferior:write_memory(address, moved_vector(bytes, distance))
    if not ok then return nil, why end
    ok, why = tell_kernel(move, address, #bytes)
    if not ok then
        inferior:write_memory(address, bytes)
        return nil, why
    end
    move.done = true
    local inside = ranges.find(move.mapped, pc) -- a static program is in its own text already
    if inside and not inferior:write_register("pc", pc - distance) then inferior:kill() end
    return true
end

--- Moves the executable down.
-- @param inferior at its exec stop
-- @tparam table wanted what `relocate.wanted` gave
-- @tparam table mappings of the inferior
-- @func[opt] trace told of each remote system call
-- @treturn[1] boolean true
-- @treturn[2] nil, string why; all is as it was
function relocate.move(inferior, wanted, mappings, trace)
    local span = images.span(wanted.image, wanted.host.page_size)
    local list = own_mappings(mappings, span.start + wanted.bias, span.stop + wanted.bias)
    local target = targets.of(inferior, trace)
    if not list[1] or list[1].inode == 0 then return nil, "its mappings were not found" end
    local file <close>, why = target.open(list[1])
    if not file then return nil, why end
    local move <close> = setmetatable({ inferior = inferior, target = target,
        distance = wanted.distance, mapped = {}, mappings = mappings }, Move)
    local ok
    ok, why = copy_all(move, list, file.fd)
    if ok then ok, why = carry_over(inferior, wanted) end
    if ok then ok, why = switch(move) end
    return ok, why
end

--- What moving the executable would take.
-- @param inferior at its exec stop
-- @treturn[1] table `image`, `bias`, `distance`, `host`: to be given to `relocate.move`
-- @treturn[2] nil it need not, or cannot, be moved
function relocate.wanted(inferior)
    local image = images.of(("/proc/%d/exe"):format(inferior:pid()))
    local entry = (inferior:auxv() or {}).AT_ENTRY
    if not image or not entry or image.type ~= c.ET_DYN then return nil end
    if (congruent.main_text(image) or { filesz = 0 }).filesz < LEAST_TEXT then return nil end
    -- of the host only this: the rest takes longer to read, and the program waits
    local host = { page_size = core.page_size(), huge_page_size = core.huge_page_size() }
    local bias = entry - image.entry
    local distance = congruent.distance(image, bias, host)
    return distance and { image = image, bias = bias, distance = distance, host = host }
end

return relocate
