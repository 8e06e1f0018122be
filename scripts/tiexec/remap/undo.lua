-- SPDX-License-Identifier: Apache-2.0
--- Puts the mappings of files back in the place of huge pages, by what the ELF headers and /proc tell: no
-- record of what has been done is needed.
--
-- What is there is replaced only if it has the same bytes as the file; so it does not matter who put it there.

local core = require "tiexec.core"
local images = require "tiexec.harness.images"
local kernel = require "tiexec.harness.kernel"
local pieces = require "tiexec.sources.pieces"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"
local targets = require "tiexec.harness.targets"

local c = core.constants
local undo = {}

local CHUNK <const> = 4 << 20
local MOVE <const> = c.MREMAP_MAYMOVE | c.MREMAP_FIXED

--- The mappings that an object's segments have when nobody has changed them, without what is written to.
-- @tparam table image
-- @int bias
-- @int page
-- @treturn table list of `start`, `stop`, `perms`, `offset`
function undo.layout(image, bias, page)
    local list = {}
    for segment in images.loads(image) do
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

local function has_flag(m, flag) return (" " .. m.vm_flags .. " "):find(" " .. flag .. " ", 1, true) ~= nil end

local function is_as_linked(m, piece, inode)
    return m.start == piece.start and m.stop == piece.stop and m.inode == inode and m.offset == piece.offset
        and m.perms == piece.perms and not has_flag(m, "hg")
end

-- Where something else than the linker's mapping lies over a piece: the mappings there, as far as rounding to
-- huge pages can have taken them. nil, why: the program has itself changed something.
local function changed(mappings, piece, inode, huge)
    local list = {}
    for _, m in ipairs(mappings) do
        if ranges.overlap(m, piece) then
            local size = has_flag(m, "ht") and math.max(huge, m.kernel_page_size) or huge
            local low, high = ranges.align_down(piece.start, size), ranges.align_up(piece.stop, size)
            if is_as_linked(m, piece, inode) then return {} end
            if m.perms ~= "r-xp" and m.perms ~= piece.perms then return nil, "it is mapped " .. m.perms end
            local range = { start = math.max(m.start, low), stop = math.min(m.stop, high), hugetlb = {} }
            if has_flag(m, "ht") then
                range.hugetlb[1] = { start = range.start, stop = range.stop, page_size = m.kernel_page_size }
            end
            list[#list + 1] = range
        end
    end
    return list
end

-- Joins ranges that touch, so that each can be put back as a whole. One mapping may be found twice, over two
-- pieces: so may its hugetlb memory.
local function joined(list)
    table.sort(list, function(a, b) return a.start < b.start end)
    local result = {}
    for _, range in ipairs(list) do
        local last = result[#result]
        if not last or range.start > last.stop then
            result[#result + 1] = range
        else
            last.stop = math.max(last.stop, range.stop)
            local before, part = last.hugetlb[#last.hugetlb], range.hugetlb[1]
            if part and not (before and before.start == part.start) then table.insert(last.hugetlb, part) end
        end
    end
    return result
end

-- Where the last segment begins, which is mostly one that is written to.
local function last_segment(image, bias, page)
    local last = 0
    for segment in images.loads(image) do
        last = math.max(last, bias + ranges.align_down(segment.vaddr, page))
    end
    return last
end

-- What is left of a hole between segments beside a range: it is mapped anew with the part within, to be one mapping.
local function rest_of_hole(mappings, inode, edge, address)
    for _, m in ipairs(mappings) do
        if m[edge] == address and m.perms == "---p" and m.inode == inode then return m end
    end
end

-- What a range is to have: parts of the layout, and between them nothing. Between the segments of a library, as far
-- as `last`, ld.so leaves its first mapping, without access; of a program there is no such.
local function contents(range, layout, last, rest)
    local list, at, first = {}, range.start, layout[1]
    local function gap(stop)
        if at >= stop then return end
        local inside = last and at >= first.stop and stop <= last
        local before = inside and at == range.start and rest("stop", at)
        local after = inside and stop == range.stop and rest("start", stop)
        local start = before and before.start or at
        list[#list + 1] = { start = start, stop = after and after.stop or stop, perms = inside and "---p" or nil,
            offset = inside and first.offset + start - first.start or nil }
    end
    for _, piece in ipairs(layout) do
        local start, stop = ranges.common(piece, range)
        if start < stop then
            gap(start)
            list[#list + 1] = { start = start, stop = stop, perms = piece.perms,
                offset = piece.offset + start - piece.start }
            at = stop
        end
    end
    gap(range.stop)
    return list
end

--- What is to be put back of one object.
-- @tparam table object `image`, `bias`, `inode`, `is_library`
-- @tparam table mappings all of the process, with details
-- @tparam table host `page_size`, `huge_page_size`
-- @treturn table list of `start`, `stop`, `hugetlb`, `pieces`
-- @treturn ?string why some of it must be left
function undo.ranges(object, mappings, host)
    local layout = undo.layout(object.image, object.bias, host.page_size)
    local found, complaint = {}, nil
    for _, piece in ipairs(layout) do
        local list, why = changed(mappings, piece, object.inode, host.huge_page_size)
        complaint = complaint or why
        for _, range in ipairs(list or {}) do found[#found + 1] = range end
    end
    found = joined(found)
    local last = object.is_library and last_segment(object.image, object.bias, host.page_size)
    local function rest(edge, address) return rest_of_hole(mappings, object.inode, edge, address) end
    for _, range in ipairs(found) do range.pieces = contents(range, layout, last, rest) end
    return found, complaint
end

-- The files of which a process has mappings, in order of address, if they are ELF files with text.
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
    local objects = {}
    for _, file in ipairs(list) do
        file.readable, file.image = target.file(file.mappings[1])
        file.bias = file.image and file.image.native and images.bias(file.image, file.mappings, page)
        if file.bias then objects[#objects + 1] = file end
    end
    return objects
end

-- Gives each piece that is not a gap its protection.
local function protect(target, list)
    for _, piece in ipairs(list) do
        local bits, why = c.PROT_NONE, nil
        if piece.perms then bits, why = protection.of(target, piece.perms, piece) end
        if not bits then return nil, why end
        piece.protection = bits
    end
    return true
end

-- Whether the process has the file's bytes there.
local function has_bytes_of(inferior, path, list)
    local file <close>, why = io.open(path, "rb")
    if not file then return nil, why end
    for _, piece in ipairs(list) do
        local size = piece.perms and piece.perms ~= "---p" and piece.stop - piece.start or 0
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

-- hugetlb memory can be replaced only by whole huge pages: so it is moved aside first (Linux 5.16).
-- Returns where it is now.
local function move_aside(target, part)
    local size = part.stop - part.start
    local aside, why = target.call("mmap", 0, size, c.PROT_NONE, c.MAP_PRIVATE | c.MAP_ANONYMOUS | c.MAP_NORESERVE
        | kernel.hugetlb_flags(part.page_size), -1, 0)
    if not aside then return nil, why end
    local ok
    ok, why = target.call("mremap", part.start, size, size, MOVE, aside)
    if ok then return aside end
    target.call("munmap", aside, size)
    return nil, why
end

-- Moves all of a range's hugetlb memory aside, and then calls `done`; or leaves all where it was.
local function without_hugetlb(target, parts, done)
    local places = {}
    local why
    for i, part in ipairs(parts) do
        places[i], why = move_aside(target, part)
        if not places[i] then break end
    end
    if not why then done() end
    for i, place in ipairs(places) do
        local part = parts[i]
        local size = part.stop - part.start
        if why then
            target.call("mremap", place, size, size, MOVE, part.start)
        else
            target.call("munmap", place, size)
        end
    end
    return not why, why
end

local function restore(inferior, target, object, range)
    local ok, why = has_bytes_of(inferior, object.readable, range.pieces)
    if ok then ok, why = protect(target, range.pieces) end
    if not ok then return nil, why end
    local file <close>, refused = target.open(object.mappings[1])
    if not file then return nil, refused end
    return without_hugetlb(target, range.hugetlb, function() pieces.restore(target, range.pieces, file.fd) end)
end

--- Puts everything back that can be.
-- @param inferior stopped, all threads
-- @tparam table host
-- @func[opt] trace told of each remote system call
-- @treturn[1] int bytes put back
-- @treturn[1] table list of `object`, `why`: what had to be left
-- @treturn[2] nil, string why nothing could be done at all
function undo.run(inferior, host, trace)
    local mappings, why = core.mappings(inferior:pid(), true)
    if not mappings then return nil, why end
    local target, bytes, complaints = targets.of(inferior, trace), 0, {}
    local executable = core.readlink(("/proc/%d/exe"):format(inferior:pid()))
    local linker = (inferior:auxv() or {}).AT_BASE -- mapped by the kernel, as the executable is
    for _, object in ipairs(files_of(target, mappings, host.page_size)) do
        object.is_library = object.path ~= executable and object.bias ~= linker
        local changed_ranges, left = undo.ranges(object, mappings, host)
        for _, range in ipairs(changed_ranges) do
            local ok, refused = restore(inferior, target, object, range)
            if ok then bytes = bytes + range.stop - range.start end
            left = left or not ok and refused or nil
        end
        if left then complaints[#complaints + 1] = { object = object.path, why = left } end
    end
    return bytes, complaints
end

return undo
