-- SPDX-License-Identifier: Apache-2.0
--- Congruent bases. The page cache's huge pages can back a text only where address and file offset
-- agree modulo the huge page.

local auxv = require "tiexec.harness.auxv"
local core = require "tiexec.core"
local images = require "tiexec.harness.images"
local planner = require "tiexec.planner"
local ranges = require "tiexec.base.ranges"

local c = core.constants
local congruent = {}

local LEAST_TEXT <const> = 65536 -- for less text it is not even worth it to look at the host

--- Finds the largest text segment of an image. This segment decides where the image should lie.
-- @tparam Image image
-- @treturn ?Segment nil if the image has no text
function congruent.main_text(image)
    local best
    for segment in images.loads(image) do
        local most = best and best.filesz or 0
        if images.is_text(segment) and segment.filesz > most then best = segment end
    end
    return best
end

--- Tells how far down an executable must be moved for its text to be congruent.
-- @tparam Image image of the executable
-- @int bias its load bias
-- @tparam table host `page_size` and `huge_page_size`, in bytes
-- @treturn[1] int the distance in bytes, which is at least the executable's span
-- @treturn[2] nil the executable is congruent already, has too little text, or cannot be moved
function congruent.distance(image, bias, host)
    local huge = host.huge_page_size
    if huge == 0 then return nil end -- a kernel without huge pages
    local text = congruent.main_text(image)
    if image.type ~= c.ET_DYN or not text then return nil end
    if text.filesz < planner.least_text(host) then return nil end
    local off = (bias + text.vaddr - text.offset) & (huge - 1)
    local span, strictest = images.span(image, host.page_size)
    if off == 0 or off & (strictest - 1) ~= 0 then return nil end
    return ranges.align_up(span.stop - span.start, huge) + off
end

--- Finds out whether, and how far, the executable should be moved.
-- @tparam Inferior inferior at its exec stop
-- @tparam ?Image image of its executable
-- @treturn[1] table for `relocate.move`: `image`; `bias`, its load bias; `distance`, in bytes; and
-- `host` with its sizes of pages alone
-- @treturn[2] nil the executable need not, or cannot, be moved
function congruent.wanted(inferior, image)
    local text = image and image.type == c.ET_DYN and congruent.main_text(image)
    if not text or text.filesz < LEAST_TEXT then return nil end
    local entry = auxv.value(auxv.read(inferior), auxv.AT_ENTRY)
    if not entry then return nil end
    -- The rest of the host's description would take longer to read, and the program waits.
    local host = { page_size = core.page_size(), huge_page_size = core.huge_page_size() }
    local bias = entry - image.entry
    local distance = congruent.distance(image, bias, host)
    return distance and { image = image, bias = bias, distance = distance, host = host }
end

return congruent
