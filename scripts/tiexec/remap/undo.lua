-- SPDX-License-Identifier: Apache-2.0
--- Puts the files' own mappings back in the place of huge pages. No record of what was done is
-- needed: the ELF headers and /proc tell how the mappings were.
--
-- Memory is replaced only if it has the same bytes as the file. So it does not matter who has put
-- it there.

local copy = require "tiexec.sources.copy"
local core = require "tiexec.core"
local images = require "tiexec.harness.images"
local pieces = require "tiexec.sources.pieces"
local properties = require "tiexec.harness.properties"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"
local room = require "tiexec.harness.room"
local seccomp = require "tiexec.harness.seccomp"
local targets = require "tiexec.harness.targets"

local c = core.constants
local undo = {}

local SPARE_MAPPINGS <const> = 4 -- beside those of the pieces, while they are put back
local CHUNK <const> = 4 << 20 -- bytes that are compared at a time

-- The pieces that the segments of an object are mapped as if nobody has changed them. Segments that
-- are written to are left out.
local function layout_of(object, page)
    local list, bias = {}, object.bias
    for segment in images.loads(object.image) do
        if segment.flags & c.PF_W == 0 and segment.filesz > 0 then
            list[#list + 1] = {
                start = bias + ranges.align_down(segment.vaddr, page),
                stop = ranges.align_up(bias + segment.vaddr + segment.filesz, page),
                perms = protection.letters(segment.flags),
                offset = ranges.align_down(segment.offset, page),
            }
        end
    end
    return list
end

-- Whether a mapping has one of the flags that smaps lists as VmFlags: "hg" is MADV_HUGEPAGE, "ht"
-- is hugetlb memory.
local function has_flag(m, flag)
    return (" " .. m.vm_flags .. " "):find(" " .. flag .. " ", 1, true) ~= nil
end

local function is_unchanged(m, piece, inode)
    return m.start == piece.start and m.stop == piece.stop and m.perms == piece.perms
        and m.inode == inode and m.offset == piece.offset and not has_flag(m, "hg")
end

-- The part of a mapping that rounding a piece to huge pages can have taken.
local function reach(m, piece, huge)
    local is_hugetlb = has_flag(m, "ht")
    local size = is_hugetlb and math.max(huge, m.kernel_page_size) or huge
    local start, stop = ranges.common(m, { start = ranges.align_down(piece.start, size),
        stop = ranges.align_up(piece.stop, size) })
    local range = { start = start, stop = stop, hugetlb = {} }
    if is_hugetlb then
        range.hugetlb[1] = { start = start, stop = stop, page_size = m.kernel_page_size }
    end
    return range
end

-- The ranges of other memory that lie where a piece of the layout should be. Each has the parts
-- of it that are hugetlb memory. Returns nil and a string if the program itself has changed
-- something.
local function changed_ranges(mappings, piece, inode, huge)
    local list = {}
    for _, m in ipairs(mappings) do
        if ranges.overlap(m, piece) then
            if is_unchanged(m, piece, inode) then return {} end
            if m.perms ~= "r-xp" and m.perms ~= piece.perms then
                return nil, "it is mapped " .. m.perms
            end
            list[#list + 1] = reach(m, piece, huge)
        end
    end
    return list
end

-- Joins ranges that meet, so that each can be put back as a whole. One mapping may lie over two
-- pieces and be in the list twice; its hugetlb memory must then be in the result once.
local function join(list)
    table.sort(list, function(a, b) return a.start < b.start end)
    local result = {}
    for _, range in ipairs(list) do
        local last = result[#result]
        if not last or range.start > last.stop then
            result[#result + 1] = range
        else
            last.stop = math.max(last.stop, range.stop)
            local before, memory = last.hugetlb[#last.hugetlb], range.hugetlb[1]
            if memory and not (before and before.start == memory.start) then
                table.insert(last.hugetlb, memory)
            end
        end
    end
    return result
end

-- The address at which the last segment of an object begins. Mostly that segment is written to.
local function last_segment(object, page)
    local last = 0
    for segment in images.loads(object.image) do
        last = math.max(last, object.bias + ranges.align_down(segment.vaddr, page))
    end
    return last
end

-- The mapping without access that the dynamic linker left in a hole between segments, if an edge
-- of it ("start" or "stop") is at an address.
local function hole_at(mappings, inode, edge, address)
    for _, m in ipairs(mappings) do
        if m[edge] == address and m.perms == "---p" and m.inode == inode then return m end
    end
end

-- The pieces that a range had before, and the gaps between them, which have no `perms`. In a
-- library, up to its last segment at `last`, holes between segments are no gaps: the dynamic
-- linker leaves its first mapping of the file there, without access. What is still there of such
-- a hole beside the range is mapped again together with the hole's part in the range, so that
-- both are one mapping.
local function original_pieces(range, layout, last, find_hole)
    local list, at, first = {}, range.start, layout[1]
    local function add_gap(stop)
        if at >= stop then return end
        local is_hole = last and at >= first.stop and stop <= last
        if not is_hole then
            list[#list + 1] = { start = at, stop = stop }
            return
        end
        local before = at == range.start and find_hole("stop", at)
        local after = stop == range.stop and find_hole("start", stop)
        local start = before and before.start or at
        list[#list + 1] = { start = start, stop = after and after.stop or stop, perms = "---p",
            offset = first.offset + start - first.start }
    end
    for _, piece in ipairs(layout) do
        local start, stop = ranges.common(piece, range)
        if start < stop then
            add_gap(start)
            list[#list + 1] = { start = start, stop = stop, perms = piece.perms,
                offset = piece.offset + start - piece.start }
            at = stop
        end
    end
    add_gap(range.stop)
    return list
end

-- The ranges that must be put back of one object, each with `hugetlb`, the parts of it that are
-- hugetlb memory, and `pieces`. The second result tells why some of the object must be left as it
-- is, or is nil.
local function ranges_of(object, mappings, host)
    local layout = layout_of(object, host.page_size)
    local found, complaint = {}, nil
    for _, piece in ipairs(layout) do
        local list, why = changed_ranges(mappings, piece, object.inode, host.huge_page_size)
        complaint = complaint or why
        table.move(list or {}, 1, #(list or {}), #found + 1, found)
    end
    found = join(found)
    local last = object.is_library and last_segment(object, host.page_size)
    local function find_hole(edge, address)
        return hole_at(mappings, object.inode, edge, address)
    end
    for _, range in ipairs(found) do
        range.pieces = original_pieces(range, layout, last, find_hole)
        range.mappings, range.host = mappings, host
    end
    return found, complaint
end

-- The ELF files of which a process has private mappings, in order of address. `readable` is a
-- path at which this process can read the file.
local function files_of(target, mappings, page)
    local list, by_path = {}, {}
    for _, m in ipairs(mappings) do
        if m.inode ~= 0 and not protection.is_shared(m.perms) then
            local file = by_path[m.path]
            if not file then
                file = { path = m.path, inode = m.inode, mappings = {} }
                by_path[m.path], list[#list + 1] = file, file
            end
            table.insert(file.mappings, m)
        end
    end
    local elf_files = {}
    for _, file in ipairs(list) do
        file.readable, file.image = target.file(file.mappings[1])
        local is_native = file.image and file.image.native
        file.bias = is_native and images.bias(file.image, file.mappings, page)
        if file.bias then elf_files[#elf_files + 1] = file end
    end
    return elf_files
end

-- Gives each piece that is not a gap its protection, as mmap takes it.
local function add_protection(target, list)
    for _, piece in ipairs(list) do
        local bits, why = c.PROT_NONE, nil
        if piece.perms then bits, why = protection.of(target, piece.perms, piece) end
        if not bits then return nil, why end
        piece.protection = bits
    end
    return true
end

-- Whether the process has the file's bytes in each piece. Returns nil and a string if it has not.
local function has_bytes_of(inferior, path, list)
    local file <close>, why = io.open(path, "rb")
    if not file then return nil, why end
    for _, piece in ipairs(list) do
        local is_readable = piece.perms and piece.perms ~= "---p"
        local size = is_readable and piece.stop - piece.start or 0
        for at = 0, size - 1, CHUNK do
            file:seek("set", piece.offset + at)
            local wanted = file:read(math.min(CHUNK, size - at)) or ""
            local got, unreadable = inferior:read_memory(piece.start + at, #wanted)
            if not got then return nil, unreadable end
            if got ~= wanted then return nil, "its bytes are not the file's any more" end
        end
    end
    return true
end

-- Puts ordinary copies in the place of the hugetlb memory of a range, since smaller mappings can
-- replace such memory only by whole huge pages. Each is replaced in one step, so that another
-- process with the same memory can run meanwhile. Returns nil and a string if that fails; the bytes
-- are there all the same.
local function without_hugetlb(target, list)
    for _, memory in ipairs(list) do
        local ok, why = room.for_copy(memory.stop - memory.start, target.pid)
        if ok then ok, why = copy.make_small(target, memory) end
        if not ok then return nil, why end
    end
    return true
end

-- Puts one range of an object back. Returns nil and a string if that is not possible.
local function restore(inferior, target, object, range)
    local refused_all = seccomp.refusal(inferior)
    if refused_all then return nil, refused_all end
    local kept, lost = properties.to_put_back(target, range, range.host, range.mappings)
    if not kept then return nil, lost end
    local ok, why = has_bytes_of(inferior, object.readable, range.pieces)
    if ok then ok, why = add_protection(target, range.pieces) end
    if ok then ok, why = room.for_mappings(target, #range.pieces + SPARE_MAPPINGS) end
    if not ok then return nil, why end
    local file <close>, refused = target.open(object.mappings[1])
    if not file then return nil, refused end
    ok, why = without_hugetlb(target, range.hugetlb)
    if not ok then return nil, why end
    ok, why = pieces.restore(target, range.pieces, file.fd)
    local given, without = properties.give(target, kept)
    return ok and given, why or without
end

--- Puts the files' own mappings back wherever that is possible.
-- @tparam Inferior inferior with all threads stopped
-- @tparam Host host
-- @func[opt] trace called for each remote system call, see `targets.of`
-- @treturn[1] int bytes put back
-- @treturn[1] table what had to be left: list of `object`, a path, and `why`
-- @treturn[2] nil, string why nothing could be done at all
function undo.run(inferior, host, trace)
    local mappings, why = core.mappings(inferior:pid(), true)
    if not mappings then return nil, why end
    local target, bytes, complaints = targets.of(inferior, trace), 0, {}
    local executable = core.readlink(("/proc/%d/exe"):format(inferior:pid()))
    local linker = (inferior:auxv() or {}).AT_BASE -- the kernel maps it, as it maps the executable
    for _, object in ipairs(files_of(target, mappings, host.page_size)) do
        object.is_library = object.path ~= executable and object.bias ~= linker
        local found, complaint = ranges_of(object, mappings, host)
        for _, range in ipairs(found) do
            local ok, refused = restore(inferior, target, object, range)
            if ok then bytes = bytes + range.stop - range.start end
            complaint = complaint or not ok and refused or nil
        end
        if complaint then
            complaints[#complaints + 1] = { object = object.path, why = complaint }
        end
    end
    return bytes, complaints
end

return undo
