-- SPDX-License-Identifier: Apache-2.0
--- Congruence: the pages of a file can be huge where addresses and offsets in the file agree modulo the huge page.

local core = require "tiexec.core"
local images = require "tiexec.harness.images"
local ranges = require "tiexec.base.ranges"

local c = core.constants
local congruent = {}

--- The largest text of an image: the segment that decides where the image should lie.
-- @treturn ?table nil: it has no text
function congruent.main_text(image)
    local best
    for segment in images.loads(image) do
        if images.is_text(segment) and segment.filesz > (best and best.filesz or 0) then best = segment end
    end
    return best
end

--- By how much an executable should be moved down, so that its text is congruent.
-- @tparam table image of the executable
-- @int bias its load bias
-- @tparam table host `page_size`, `huge_page_size`
-- @treturn[1] int bytes, more than the executable's span
-- @treturn[2] nil it need not, or cannot, be moved
function congruent.distance(image, bias, host)
    local huge = host.huge_page_size
    local text = congruent.main_text(image)
    if image.type ~= c.ET_DYN or not text or text.filesz < huge // 16 then return nil end
    local off = (bias + text.vaddr - text.offset) & (huge - 1)
    local span, strictest = images.span(image, host.page_size)
    if off == 0 or off & (strictest - 1) ~= 0 then return nil end
    return ranges.align_up(span.stop - span.start, huge) + off
end

return congruent
