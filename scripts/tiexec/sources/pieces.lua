-- SPDX-License-Identifier: Apache-2.0
--- Pieces (class Piece): what a range consists of, which is parts of one file and gaps between
-- them. Sources that map a file over a range need the pieces to put everything back.

local copy = require "tiexec.sources.copy"
local core = require "tiexec.core"
local protection = require "tiexec.harness.protection"
local ranges = require "tiexec.base.ranges"

local c = core.constants
local pieces = {}

local FIXED <const> = c.MAP_PRIVATE | c.MAP_FIXED

local function same_file(m, text)
    return m.inode == text.inode and m.major == text.major and m.minor == text.minor
end

-- Says why a piece of a mapping does not have the bytes of the file. nil: it has them. `pages` are
-- those of more than the piece, if nothing of that was written to.
local function why_foreign(target, m, piece, file, pages)
    if not same_file(m, file.text) then return "memory of another file" end
    if protection.is_writable(m.perms) or protection.is_shared(m.perms) then
        return "memory that may be written to"
    end
    if file.base and m.start - m.offset ~= file.base then
        return "a part of the file that is mapped elsewhere"
    end
    pages = pages or target.pages(piece.start, piece.stop)
    if pages.unknown then
        return "memory of which cannot be told whether it was written to: " .. pages.unknown
    end
    return pages.anon_small + pages.anon_huge > 0 and "memory that was written to" or nil
end

local function piece_of(target, m, range, file, pages)
    local start, stop = ranges.common(m, range)
    local piece = { start = start, stop = stop, offset = start - m.start + m.offset,
        perms = m.perms, inode = m.inode }
    -- A piece that has memory tags, whose protection cannot be told, is foreign for other reasons.
    piece.protection = protection.of(target, m.perms, piece) or c.PROT_READ
    piece.foreign = why_foreign(target, m, piece, file, pages)
    return piece
end

-- Gives the pages of a range that has several mappings, if none of them was written to: then they
-- are looked at once.
local function unwritten(target, mappings, range)
    local count = 0
    for _, m in ipairs(mappings) do count = count + (ranges.overlap(m, range) and 1 or 0) end
    local pages = count > 1 and target.pages(range.start, range.stop)
    if not pages or pages.unknown then return nil end
    return pages.anon_small + pages.anon_huge == 0 and pages or nil
end

--- Lists the pieces of a range, in order of address.
-- @tparam Target target
-- @tparam table mappings list of Mapping, the target's
-- @tparam Range range
-- @tparam table file the file in question. `text` is a mapping of it. `base`, if it is given, is
-- the address that the file's first byte would have: then pieces that lie elsewhere are foreign,
-- and gaps have an offset, too.
-- @treturn table list of Piece
function pieces.of(target, mappings, range, file)
    local list, at = {}, range.start
    local pages = unwritten(target, mappings, range)
    local function gap(stop)
        if at >= stop then return end
        list[#list + 1] = { start = at, stop = stop, offset = file.base and at - file.base }
    end
    for _, m in ipairs(mappings) do
        if ranges.overlap(m, range) then
            local piece = piece_of(target, m, range, file, pages)
            gap(piece.start)
            list[#list + 1] = piece
            at = piece.stop
        end
    end
    gap(range.stop)
    return list
end

--- Finds the text of a file that has most of a range. It decides which file the range is made of,
-- and how the file must lie.
-- @tparam table mappings list of Mapping, the target's
-- @tparam Range range
-- @treturn ?Mapping nil: the range has no text of a file
function pieces.main_text(mappings, range)
    local best, most
    for _, m in ipairs(mappings) do
        local size = ranges.common_size(m, range)
        if protection.is_executable(m.perms) and m.inode ~= 0 and size > (most or 0) then
            best, most = m, size
        end
    end
    return best
end

--- Finds the run of pieces around the text that are not foreign.
-- @tparam table list of Piece, as `pieces.of` gives it
-- @tparam Mapping text
-- @treturn[1] int start of the run
-- @treturn[1] int stop of the run
-- @treturn[1] ?string what the foreign piece below the run is; nil: there is none
-- @treturn[1] ?string what the foreign piece above the run is; nil: there is none
-- @treturn[2] nil, nil, ?string there is no such run; what the last foreign piece is
function pieces.run_around(list, text)
    local start, stop, below
    for _, piece in ipairs(list) do
        local foreign = piece.foreign
        if (piece.offset or 0) < 0 then foreign = foreign or "the beginning of the file" end
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

-- Puts one piece back: true, or nil and why not.
local function put_back_one(target, piece, fd)
    local size = piece.stop - piece.start
    if not piece.perms then return target.call("munmap", piece.start, size) end
    return target.call("mmap", piece.start, size, piece.protection, FIXED, fd, piece.offset)
end

-- Puts pieces back one after another, even if one of them cannot be. Gives true, or nil and why the
-- first of those cannot be put back.
local function put_back(target, list, fd)
    local failure
    for _, piece in ipairs(list) do
        local ok, why = put_back_one(target, piece, fd)
        if not ok then failure = failure or why end
    end
    return failure == nil or nil, failure
end

--- Gives pieces that were joined by mprotect their own protection again. There are as many mappings
-- afterwards as there were before, so no limit is in the way.
-- @tparam Target target
-- @tparam table list of Piece
-- @treturn[1] boolean true
-- @treturn[2] nil, string why some piece has another protection now
function pieces.protect(target, list)
    local failure
    for _, piece in ipairs(list) do
        local size = piece.stop - piece.start
        local ok, why = target.call("mprotect", piece.start, size, piece.protection)
        if not ok then failure = failure or why end
    end
    return failure == nil or nil, failure
end

-- Tells whether a piece is mapped as it was.
local function is_as_it_was(mappings, piece)
    for _, m in ipairs(mappings) do
        if ranges.overlap(m, piece) then
            return m.start <= piece.start and piece.stop <= m.stop and m.inode == piece.inode
                and m.perms == piece.perms and piece.start - m.start + m.offset == piece.offset
        end
    end
    return not piece.perms
end

-- Tells whether all pieces are mapped as they were.
local function are_as_they_were(target, list)
    local mappings = target.mappings() or {}
    for _, piece in ipairs(list) do
        if not is_as_it_was(mappings, piece) then return false end
    end
    return true
end

--- Puts every piece back as it was. The pieces are mapped afresh, which also undoes madvise. Each
-- is replaced in one step by the same bytes. So the range is whole at any time, even if some piece
-- cannot be put back.
-- @tparam Target target
-- @tparam table list of Piece; they must fill the range that is replaced
-- @int fd file descriptor of the target, for the file of the pieces
-- @treturn[1] boolean true
-- @treturn[2] nil, string why some piece is not as it was
function pieces.restore(target, list, fd)
    if put_back(target, list, fd) then return true end
    -- A mapping of hugetlbfs can only be split between huge pages: so an ordinary copy replaces it
    -- as a whole first. Else the second attempt fails like the first.
    copy.make_small(target, { start = list[1].start, stop = list[#list].stop })
    local ok, why = put_back(target, list, fd)
    if ok or are_as_they_were(target, list) then return true end
    return nil, why
end

return pieces
