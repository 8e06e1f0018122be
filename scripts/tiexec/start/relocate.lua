-- SPDX-License-Identifier: Apache-2.0
--- Moves a position-independent executable to a congruent base at its exec stop. Nothing of the
-- program has run by then. So only the kernel, the auxiliary vector and, in a static program, the
-- pc tell where the program lies.
--
-- The new place is below the old one, less than two huge pages away. So it is as random as the old
-- place, except for the bits of the alignment. The file's parts are mapped again rather than moved,
-- because the kernel tells perf of mmap and not of mremap. The bytes that the kernel has cleared at
-- the end of a segment are copied.

local auxv = require "tiexec.harness.auxv"
local core = require "tiexec.core"
local images = require "tiexec.harness.images"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"
local targets = require "tiexec.harness.targets"

local c = core.constants
local relocate = {}

-- The mappings of the executable in a range, its zero-filled data included. The kernel may have
-- put mappings of its own, [vdso] and [vvar], into a hole between the segments of a static
-- program; these stay. There is no heap yet; but where addresses are not randomized, some kernels
-- (6.1) name the zero-filled data "[heap]", because it ends where the heap will begin.
local function own_mappings(mappings, span)
    local list = {}
    for _, m in ipairs(mappings) do
        local is_kernels = m.inode == 0 and m.path ~= "" and m.path ~= "[heap]"
        local is_inside = m.start >= span.start and m.stop <= span.stop
        if is_inside and not is_kernels then list[#list + 1] = m end
    end
    return list
end

-- Maps again, `distance` bytes below a mapping, what the mapping has: a part of the file or zeros.
local function map_below(target, m, distance, fd)
    local flags, size, offset = c.MAP_PRIVATE | c.MAP_FIXED_NOREPLACE, m.stop - m.start, m.offset
    if m.inode == 0 then
        flags, fd, offset = flags | c.MAP_ANONYMOUS, -1, 0
    end
    local to = m.start - distance
    local bits, unknown = protection.of(target, m.perms, m)
    if not bits then return nil, unknown end
    local got, why = target.call("mmap", to, size, bits, flags, fd, offset)
    if got == to then return true end
    if got then target.call("munmap", got, size) end
    return nil, why or "the place is taken"
end

-- Copies the pages that differ from the file. If a segment is larger in memory than in the file,
-- the kernel has cleared the rest of its last page. Where segments overlap, or meet in one
-- mapping, such a page may be anywhere in a mapping; so the pages are found by the segments.
local function copy_cleared(inferior, wanted)
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

-- The bytes of an auxiliary vector with AT_PHDR and AT_ENTRY moved down.
local function relocate_vector(bytes, distance)
    local words = {}
    for offset = 1, #bytes, 16 do
        local kind, value = string.unpack("jj", bytes, offset)
        if kind == auxv.AT_PHDR or kind == auxv.AT_ENTRY then value = value - distance end
        words[#words + 1] = string.pack("jj", kind, value)
    end
    return table.concat(words)
end

-- Tells the kernel where the program lies now: /proc/PID/stat and /proc/PID/auxv show it. `address`
-- and `size` are those of the vector on the stack. PR_SET_MM_MAP needs no capability (Linux 3.18).
local function tell_kernel(move, address, size)
    local inferior, distance = move.inferior, move.distance
    local layout, unknown = core.layout(inferior:pid())
    if not layout then return nil, unknown end
    local NO_EXE <const> = 0xffffffff
    local struct = string.pack("jjjjjjjjjjjjI4I4",
        layout.start_code - distance, layout.end_code - distance,
        layout.start_data - distance, layout.end_data - distance,
        layout.start_brk, layout.start_brk, layout.start_stack,
        layout.arg_start, layout.arg_end, layout.env_start, layout.env_end,
        address, size, NO_EXE) -- struct prctl_mm_map; the heap is empty yet
    local map <close>, why = inferior:lend(struct)
    if not map then return nil, why end
    local ok
    ok, why = move.target.call("prctl", c.PR_SET_MM, c.PR_SET_MM_MAP, map.address, #struct, 0)
    return ok, why
end

local Move = {}
Move.__index = Move

-- Unmaps the old place if the move is done, else what has been mapped at the new place. Mappings
-- that meet are unmapped together.
function Move:__close()
    local from, list, i = self.done and 0 or self.distance, self.mapped, 1
    while i <= #list do
        local start, stop = list[i].start, list[i].stop
        while list[i + 1] and list[i + 1].start == stop do i, stop = i + 1, list[i + 1].stop end
        self.target.call("munmap", start - from, stop - start)
        i = i + 1
    end
end

-- Maps all of a list of mappings again at the new place.
local function map_all(move, list, fd)
    for _, m in ipairs(list) do
        local ok, why = map_below(move.target, m, move.distance, fd)
        if not ok then return nil, why end
        move.mapped[#move.mapped + 1] = m
    end
    return true
end

-- Has the program start at the new place. The vector on the stack is changed first, and changed
-- back if the kernel does not accept the new place.
local function switch(move)
    local inferior, distance = move.inferior, move.distance
    local bytes = auxv.read(inferior)
    local address = auxv.find(inferior, bytes, move.mappings)
    if not address then return nil, "its auxiliary vector was not found" end
    local pc, unknown = inferior:read_register("pc")
    if not pc then return nil, unknown end
    local ok, why = inferior:write_memory(address, relocate_vector(bytes, distance))
    if not ok then return nil, why end
    ok, why = tell_kernel(move, address, #bytes)
    if not ok then
        inferior:write_memory(address, bytes)
        return nil, why
    end
    move.done = true
    local is_static = ranges.find(move.mapped, pc) ~= nil -- and so begins in its own text
    if is_static and not inferior:write_register("pc", pc - distance) then inferior:kill() end
    return true
end

--- Moves the executable down to a congruent base.
-- @tparam Inferior inferior at its exec stop
-- @tparam table wanted what `congruent.wanted` has returned
-- @tparam table mappings list of Mapping: all of the inferior's
-- @func[opt] trace called for each remote system call, see `targets.of`
-- @treturn[1] boolean true
-- @treturn[2] nil, string why not; then nothing has changed
function relocate.move(inferior, wanted, mappings, trace)
    local span = images.span(wanted.image, wanted.host.page_size)
    local list = own_mappings(mappings,
        { start = span.start + wanted.bias, stop = span.stop + wanted.bias })
    local target = targets.of(inferior, trace)
    if not list[1] or list[1].inode == 0 then return nil, "its mappings were not found" end
    local file <close>, why = target.open(list[1])
    if not file then return nil, why end
    local move <close> = setmetatable({ inferior = inferior, target = target,
        distance = wanted.distance, mapped = {}, mappings = mappings }, Move)
    local ok
    ok, why = map_all(move, list, file.fd)
    if ok then ok, why = copy_cleared(inferior, wanted) end
    if ok then ok, why = switch(move) end
    return ok, why
end

return relocate
