-- SPDX-License-Identifier: Apache-2.0
--- What a range is made of: pieces of one file, and gaps between them. For the sources that map a file
-- in its place, and must be able to put everything back.

local core = require "tiexec.core"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"

local c = core.constants
local pieces = {}

local FIXED <const> = c.MAP_PRIVATE | c.MAP_FIXED

local function same_file(m, text)
    return m.inode == text.inode and m.major == text.major and m.minor == text.minor
end

-- Why a piece of a mapping is not the file's own bytes, or nil: it is. What was written to once is not.
local function why_foreign(target, m, piece, file)
    if not same_file(m, file.text) then return "memory of another file" end
    if protection.is_writable(m.perms) or protection.is_shared(m.perms) then return "memory that may be written to" end
    if file.base and m.start - m.offset ~= file.base then return "a part of the file that is mapped elsewhere" end
    local pages = target.pages(piece.start, piece.stop)
    return pages.anon_small + pages.anon_huge > 0 and "memory that was written to" or nil
end

local function piece_of(target, m, range, file)
    local start, stop = ranges.common(m, range)
    local piece = { start = start, stop = stop, offset = start - m.start + m.offset, perms = m.perms }
    -- Where its protection cannot be told (memory tags), the piece is foreign for other reasons.
    piece.protection = protection.of(target, m.perms, piece) or c.PROT_READ
    piece.foreign = why_foreign(target, m, piece, file)
    return piece
end

--- The pieces of a range, in order of address.
-- @tparam Target target
-- @tparam table mappings of the target
-- @tparam table range
-- @tparam table file the file in question: `text`, a mapping of it; `base`, the address at which its first byte
-- would be, or nil. With a base, pieces that lie otherwise are foreign, and gaps have an offset, too
-- @treturn table list of `start`, `stop`, `perms` (nil for a gap), `protection`, `offset`, `foreign` (why the piece
-- is not bytes of the file; nil: it is)
function pieces.of(target, mappings, range, file)
    local list, at = {}, range.start
    local function gap(stop)
        if at < stop then list[#list + 1] = { start = at, stop = stop, offset = file.base and at - file.base } end
    end
    for _, m in ipairs(mappings) do
        if ranges.overlap(m, range) then
            local piece = piece_of(target, m, range, file)
            gap(piece.start)
            list[#list + 1] = piece
            at = piece.stop
        end
    end
    gap(range.stop)
    return list
end

--- The largest text of a range: it decides which file, and how it must lie.
function pieces.main_text(mappings, range)
    local best, most
    for _, m in ipairs(mappings) do
        local size = ranges.common_size(m, range)
        if protection.is_executable(m.perms) and m.inode ~= 0 and size > (most or 0) then best, most = m, size end
    end
    return best
end

--- The run of pieces around the text without anything foreign, or nil.
-- @treturn int start
-- @treturn int stop
-- @treturn string what is below it, or nil
-- @treturn string what is above it, or nil
function pieces.run_around(list, text)
    local start, stop, below
    for _, piece in ipairs(list) do
        local foreign = piece.foreign or (piece.offset or 0) < 0 and "the beginning of the file" or nil
        if not foreign then
            start, stop = start or piece.start, piece.stop
        elseif stop and stop > text.start then
            return start, stop, below, foreign
        else
            start, stop, below = nil, nil, foreign
        end
    end
    return start, stop, below
end

-- True, or nil when one of the pieces could not be put back.
local function put_back(target, list, fd)
    for _, piece in ipairs(list) do
        local size = piece.stop - piece.start
        local ok -- whether it is as it was
        if not piece.perms then
            ok = target.call("munmap", piece.start, size)
        else
            ok = target.call("mmap", piece.start, size, piece.protection, FIXED, fd, piece.offset)
        end
        if not ok then return nil end
    end
    return true
end

--- Puts every piece back as it was: mapped afresh, since that also forgets the advice.
-- @tparam table list from end to end of what took their place
-- @int fd of the pieces' file, in the process
function pieces.restore(target, list, fd)
    if put_back(target, list, fd) then return end
    -- A mapping of hugetlbfs can be taken apart only between huge pages: all of it makes way first.
    local start, stop = list[1].start, list[#list].stop
    target.call("mmap", start, stop - start, c.PROT_NONE, FIXED | c.MAP_ANONYMOUS, -1, 0)
    put_back(target, list, fd)
end

return pieces
