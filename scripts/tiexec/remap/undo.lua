-- SPDX-License-Identifier: Apache-2.0
--- Puts the files' own mappings back in the place of huge pages. No record of what was done is
-- needed: the ELF headers and /proc tell how the mappings were.
--
-- Memory is replaced only if it has the same bytes as the file. So it does not matter who has put
-- it there.

local cache_image = require "tiexec.sources.cache_image"
local copy = require "tiexec.sources.copy"
local core = require "tiexec.core"
local files = require "tiexec.harness.files"
local images = require "tiexec.harness.images"
local own_bytes = require "tiexec.remap.own_bytes"
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
local HEADERS <const> = 65536 -- bytes that have an ELF file's headers
local COPY_NAME <const> = "@%w+%-%x+%-%x+%-%x+%-%x+%-%x+%-%x+%-%x+" -- see sources/cache.lua

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

-- What a mapping is that lies where a piece of the layout of a file should be. "own": the piece
-- itself, maybe a part of it, since mlock, madvise and mprotect split mappings. "theirs": the same,
-- but the program has changed its protection. "huge": what is to be replaced. The second result
-- tells why a mapping must be left although it is none of these.
local function kind_of(m, piece, file)
    local perms_fit = m.perms == piece.perms
    if own_bytes.is_of_file(m, file) and m.offset - m.start == piece.offset - piece.start then
        local was_asked_for = has_flag(m, "hg") and (m.file_huge > 0 or not perms_fit)
        if was_asked_for and (perms_fit or m.perms == "r-xp") then return "huge" end
        return perms_fit and "own" or "theirs"
    end
    if perms_fit or m.perms == "r-xp" then return "huge" end
    return nil, "it is mapped " .. m.perms
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

-- The ranges that lie where a piece of the layout should be, if there is other memory among them.
-- The piece's own mappings beside that memory are put back as well: all of them become one mapping
-- again. Each range has the parts of it that are hugetlb memory. The second result tells why some
-- must be left, or is nil.
local function changed_ranges(mappings, piece, file, huge)
    local list, is_needed, complaint = {}, false, nil
    for _, m in ipairs(mappings) do
        if ranges.overlap(m, piece) then
            local kind, why = kind_of(m, piece, file)
            complaint = complaint or why
            is_needed = is_needed or kind == "huge"
            if kind == "huge" or kind == "own" then list[#list + 1] = reach(m, piece, huge) end
        end
    end
    return is_needed and list or {}, complaint
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
        local list, why = changed_ranges(mappings, piece, object, host.huge_page_size)
        complaint = complaint or why
        table.move(list, 1, #list, #found + 1, found)
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

-- The files of which a process has private mappings, in order of address.
local function mapped_files(mappings)
    local list, by_path = {}, {}
    for _, m in ipairs(mappings) do
        if m.inode ~= 0 and not protection.is_shared(m.perms) then
            local key = ("%x:%x:%x %s"):format(m.major, m.minor, m.inode, m.path)
            local file = by_path[key]
            if not file then
                file = { path = m.path, inode = m.inode, major = m.major, minor = m.minor,
                    mappings = {} }
                by_path[key], list[#list + 1] = file, file
            end
            table.insert(file.mappings, m)
        end
    end
    return list
end

-- The image of a file that cannot be read any more, by its headers in memory. nil and why: they
-- cannot be read either. false: it is no ELF file.
local function image_in_memory(process, mappings)
    for _, m in ipairs(mappings) do
        if m.offset == 0 then
            local bytes, why = process:read_memory(m.start, math.min(m.stop - m.start, HEADERS))
            if not bytes then return nil, why or "its headers cannot be read" end
            return core.image_from_memory(bytes) or false
        end
    end
    return nil, "it has been replaced or cannot be read"
end

-- The ELF files of which a process has private mappings, in order of address, without copies that
-- look like ELF files, too: those of the source `shared`, and hugetlb memory that begins with the
-- headers of what it is a copy of. `readable` is a path at which this process can
-- read the file, or nil. Adds to `complaints` those files of which nothing can be told.
local function files_of(process, mappings, page, prepared, complaints)
    local list = {}
    for _, file in ipairs(mapped_files(mappings)) do
        local first = file.mappings[1]
        local is_copy = prepared.copies[file.path] or has_flag(first, "ht")
        local found = not is_copy and files.of(process:pid(), first)
        if found then
            local image, why = found.image, nil
            if not image and not found.path then
                image, why = image_in_memory(process, file.mappings)
            end
            file.readable, file.image = found.path, image
            file.bias = image and image.native and images.bias(image, file.mappings, page)
            if file.bias then list[#list + 1] = file end
            if why then
                complaints[#complaints + 1] = { object = file.path,
                    why = "what is to be undone cannot be told: " .. why }
            end
        end
    end
    return list
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
local function restore(inferior, target, object, range, prepared)
    local refused_all = seccomp.refusal(inferior)
    if refused_all then return nil, refused_all end
    local kept, lost = properties.to_put_back(target, range, range.host, range.mappings)
    if not kept then return nil, lost end
    local ok, why = own_bytes.check(inferior, target, object, range, prepared.digests[object.path])
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

-- Finds the objects of which something must be put back. Each has `found`, a list of ranges, and
-- maybe `complaint`. Further complaints are added to the list `complaints`.
local function survey(process, mappings, host, prepared, complaints)
    local executable = core.readlink(("/proc/%d/exe"):format(process:pid()))
    local linker = (process:auxv() or {}).AT_BASE -- the kernel maps it, as it maps the executable
    local list = files_of(process, mappings, host.page_size, prepared, complaints)
    for _, object in ipairs(list) do
        object.is_library = object.path ~= executable and object.bias ~= linker
        object.found, object.complaint = ranges_of(object, mappings, host)
    end
    return list
end

-- The paths of those mapped files that are copies of the source `shared`. The name tells if a copy
-- has been removed.
local function copies_of(process, mappings)
    local copies = {}
    for _, file in ipairs(mapped_files(mappings)) do
        local found = files.of(process:pid(), file.mappings[1])
        local path = found and found.path
        if path and cache_image.original_of(path) or file.path:find(COPY_NAME) then
            copies[file.path] = true
        end
    end
    return copies
end

--- Reads of the files whatever `run` compares with, before the process is stopped.
-- @tparam Observed process
-- @tparam Host host
-- @treturn[1] table for `run`
-- @treturn[2] nil, string why nothing can be told
function undo.prepare(process, host)
    local mappings, why = core.mappings(process:pid(), true, true)
    if not mappings then return nil, why end
    local prepared = { copies = copies_of(process, mappings), digests = {} }
    for _, object in ipairs(survey(process, mappings, host, prepared, {})) do
        local digests = {}
        prepared.digests[object.path] = digests
        for _, range in ipairs(object.found) do
            if object.readable then
                own_bytes.note(digests, object.readable, range.pieces, host.page_size)
            else
                digests.why = "its file has been replaced or cannot be read"
            end
        end
    end
    return prepared
end

--- Puts the files' own mappings back wherever that is possible.
-- @tparam Inferior inferior with all threads stopped
-- @tparam Host host
-- @tparam table prepared what `undo.prepare` has given
-- @tparam[opt] table mappings list of Mapping, with details, as they are now
-- @func[opt] trace called for each remote system call, see `targets.of`
-- @treturn[1] table for `undo.result`: `done`, list of `object` and `range`; `complaints`
-- @treturn[2] nil, string why nothing could be done at all
function undo.run(inferior, host, prepared, mappings, trace)
    local why
    if not mappings then mappings, why = core.mappings(inferior:pid(), true, true) end
    if not mappings then return nil, why end
    local target, done, complaints = targets.of(inferior, trace), {}, {}
    for _, object in ipairs(survey(inferior, mappings, host, prepared, complaints)) do
        local complaint = object.complaint
        for _, range in ipairs(object.found) do
            local ok, refused = restore(inferior, target, object, range, prepared)
            if ok then done[#done + 1] = { object = object, range = range } end
            complaint = complaint or not ok and refused or nil
        end
        if complaint then
            complaints[#complaints + 1] = { object = object.path, why = complaint }
        end
    end
    return { done = done, complaints = complaints }
end

--- Tells what has been put back, as the mappings show it. The process may run again by then.
-- @tparam Observed|Inferior process
-- @tparam Host host
-- @tparam table prepared what `undo.prepare` has given
-- @tparam table undone what `undo.run` has given
-- @treturn[1] int bytes put back
-- @treturn[1] table what had to be left: list of `object`, a path, and `why`
-- @treturn[2] nil, string what was done cannot be told
function undo.result(process, host, prepared, undone)
    local done, complaints = undone.done, undone.complaints
    if #done == 0 then return 0, complaints end
    local mappings, why = core.mappings(process:pid(), true, true)
    if not mappings then return nil, "what was put back cannot be told: " .. why end
    local bytes, left = 0, {}
    for _, object in ipairs(survey(process, mappings, host, prepared, {})) do
        table.move(object.found, 1, #object.found, #left + 1, left)
    end
    for _, entry in ipairs(done) do
        if not ranges.overlaps_any(entry.range, left) then
            bytes = bytes + entry.range.stop - entry.range.start
        else
            complaints[#complaints + 1] = { object = entry.object.path,
                why = "it could not be put back" }
        end
    end
    return bytes, complaints
end

return undo
