-- SPDX-License-Identifier: Apache-2.0
--- ELF headers of files. Each file is read once: a start looks at the same three or four files from several
-- sides, and to find out that a file is still the same takes a tenth of the time of reading it.

local core = require "tiexec.core"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"

local c = core.constants
local images = {}

local known = {} -- by inode: images, and when their files were changed last

--- The image (`tiexec.image`) of the file that a path leads to now. Nobody may change it.
-- @treturn[1] table
-- @treturn[2] nil, message, errno
function images.of(path)
    local stat, why, errno = core.stat(path)
    if not stat then return nil, why, errno end
    local found = known[stat.inode]
    if found and found.device == stat.device and found.size == stat.size and found.mtime == stat.mtime then
        return found.image
    end
    local image
    image, why, errno = core.image(path)
    if not image then return nil, why, errno end
    if image.inode == stat.inode then
        known[stat.inode] = { image = image, device = stat.device, size = stat.size, mtime = stat.mtime }
    end
    return image
end

--- The segments of an image that are loaded into memory (PT_LOAD), as an iterator.
function images.loads(image)
    local list, i = image.segments, 0
    return function()
        repeat i = i + 1 until not list[i] or list[i].type == c.PT_LOAD and list[i].memsz > 0
        return list[i]
    end
end

--- Whether a loaded segment is text.
function images.is_text(segment) return segment.flags & c.PF_X ~= 0 end

--- The addresses from the first to the last loaded segment, with the gaps between them, before any load bias.
-- @tparam table image
-- @int page the base page, bytes
-- @treturn table `start`, `stop`; both 0 where nothing is loaded
-- @treturn int the strictest alignment that a segment asks for, bytes
function images.span(image, page)
    local low, high, strictest
    for segment in images.loads(image) do
        low = math.min(low or segment.vaddr, segment.vaddr)
        high = math.max(high or 0, segment.vaddr + segment.memsz)
        strictest = math.max(strictest or page, segment.align)
    end
    return { start = ranges.align_down(low or 0, page), stop = ranges.align_up(high or 0, page) }, strictest or page
end

-- Whether a mapping can show a segment: by its offset in the file.
local function shows(mapping, segment, page)
    return mapping.offset >= ranges.align_down(segment.offset, page)
        and mapping.offset < ranges.align_up(segment.offset + segment.filesz, page)
end

-- The load bias that follows if a mapping shows a segment.
local function bias_by(mapping, segment, page)
    local address = ranges.align_down(segment.vaddr, page) - ranges.align_down(segment.offset, page)
    return mapping.start - (address + mapping.offset)
end

--- The load bias of an object: what is added to the addresses in its file to give those in memory. Where two
-- segments meet in a page of the file, a mapping can show either; so the mappings vote. An executable mapping shows
-- an executable segment if it can.
-- @tparam table image
-- @tparam table mappings one or more of the object's
-- @int page the base page, bytes
-- @treturn ?int nil: no mapping shows a segment of the image
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

return images
