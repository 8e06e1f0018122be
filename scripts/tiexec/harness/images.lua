-- SPDX-License-Identifier: Apache-2.0
--- Images (class Image): the ELF headers of files. Each file is read once, since a start looks at
-- the same three or four files several times. To find that a file is still the same takes a
-- tenth of the time that reading it takes.

local core = require "tiexec.core"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"

local c = core.constants
local images = {}

local known = {} -- by inode: the image, and the `device`, `size` and `mtime` that its file had

--- Gives the image of the file that a path leads to now.
-- @string path
-- @tparam[opt] Stat stat of the path, if the caller has just asked for it
-- @treturn[1] Image shared by all callers, who must not change it
-- @treturn[2] nil, message, errno (ENOEXEC: it is not an ELF file)
function images.of(path, stat)
    local why, errno
    if not stat then stat, why, errno = core.stat(path) end
    if not stat then return nil, why, errno end
    local found = known[stat.inode]
    if found and found.device == stat.device and found.size == stat.size
        and found.mtime == stat.mtime then
        return found.image
    end
    local image
    image, why, errno = core.image(path)
    if not image then return nil, why, errno end
    if image.inode == stat.inode then
        known[stat.inode] = { image = image, device = stat.device, size = stat.size,
            mtime = stat.mtime }
    end
    return image
end

--- Iterates over the segments of an image that are loaded into memory (PT_LOAD).
-- @tparam Image image
-- @treturn func gives the next Segment, or nil
function images.loads(image)
    local list, i = image.segments, 0
    return function()
        repeat i = i + 1 until not list[i] or list[i].type == c.PT_LOAD and list[i].memsz > 0
        return list[i]
    end
end

--- Tells whether a loaded segment is text.
-- @tparam Segment segment
-- @treturn boolean
function images.is_text(segment) return segment.flags & c.PF_X ~= 0 end

--- Gives the range from the first loaded segment to the last one, with the gaps between them. The
-- addresses are those in the file, without a load bias.
-- @tparam Image image
-- @int page the size of a base page, in bytes
-- @treturn Range whole base pages; start and stop are 0 if nothing is loaded
-- @treturn int the strictest alignment that a segment asks for, in bytes
function images.span(image, page)
    local low, high, strictest
    for segment in images.loads(image) do
        low = math.min(low or segment.vaddr, segment.vaddr)
        high = math.max(high or 0, segment.vaddr + segment.memsz)
        strictest = math.max(strictest or page, segment.align)
    end
    local span = { start = ranges.align_down(low or 0, page),
        stop = ranges.align_up(high or 0, page) }
    return span, strictest or page
end

-- Tells whether a mapping can show a segment, as far as its offset in the file goes.
local function shows(mapping, segment, page)
    return mapping.offset >= ranges.align_down(segment.offset, page)
        and mapping.offset < ranges.align_up(segment.offset + segment.filesz, page)
end

-- Gives the load bias that the object has if a mapping shows a segment.
local function bias_by(mapping, segment, page)
    local address = ranges.align_down(segment.vaddr, page) - ranges.align_down(segment.offset, page)
    return mapping.start - (address + mapping.offset)
end

--- Gives the load bias of an object: an address in memory is the address in the file plus the load
-- bias. If two segments meet in a page of the file, a mapping of that page can show either of them.
-- So the mappings vote. An executable mapping shows an executable segment if it can.
-- @tparam Image image
-- @tparam table mappings list of Mapping, one or more of the object's
-- @int page the size of a base page, in bytes
-- @treturn ?int bytes; nil: no mapping shows a segment of the image
function images.bias(image, mappings, page)
    local votes, best = {}, nil
    local function vote(mapping, wants_text)
        local voted = false
        for segment in images.loads(image) do
            if shows(mapping, segment, page) and (not wants_text or images.is_text(segment)) then
                local bias = bias_by(mapping, segment, page)
                votes[bias] = (votes[bias] or 0) + 1
                if not best or votes[bias] > votes[best] then best = bias end
                voted = true
            end
        end
        return voted
    end
    for _, mapping in ipairs(mappings) do
        local executable = protection.is_executable(mapping.perms)
        if not (executable and vote(mapping, true)) then vote(mapping, false) end
    end
    return best
end

--- Counts the text of a file.
-- @tparam Image image
-- @treturn int bytes
function images.text_size(image)
    local bytes = 0
    for segment in images.loads(image) do
        if images.is_text(segment) then bytes = bytes + segment.filesz end
    end
    return bytes
end

return images
