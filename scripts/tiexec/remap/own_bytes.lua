-- SPDX-License-Identifier: Apache-2.0
--- Whether a process has, where its files' own mappings are to be put back, the bytes of those
-- files. Of a file digests are taken before the process is stopped, since it may not be read then.
-- Memory that is mapped from the file and was not written to needs no comparison.

local core = require "tiexec.core"
local identity = require "tiexec.sources.identity"
local ranges = require "tiexec.base.ranges"

local c = core.constants
local own_bytes = {}

local CHUNK <const> = 256 << 10 -- the most that has_digests compares at a time

--- Tells whether a mapping is of a file.
-- @tparam Mapping m
-- @tparam table file with `inode`, `major` and `minor`
-- @treturn boolean
function own_bytes.is_of_file(m, file)
    return m.inode == file.inode and m.major == file.major and m.minor == file.minor
end

-- Calls a function for each part of a list of pieces that has bytes of the file, with the offset
-- and the size of the part and where it begins in memory, until the function returns nil. Returns
-- that nil and what comes with it, or true.
local function each_chunk(list, f)
    for _, piece in ipairs(list) do
        local is_readable = piece.perms and piece.perms ~= "---p"
        local size = is_readable and piece.stop - piece.start or 0
        for at = 0, size - 1, CHUNK do
            local ok, why = f(piece.offset + at, math.min(CHUNK, size - at), piece.start + at)
            if not ok then return nil, why end
        end
    end
    return true
end

local function name_of_chunk(offset, size) return ("%x %x"):format(offset, size) end

-- Reads a part of a file as mappings show it: with zeros from the end of the file to the end of its
-- last page. nil and why: the file does not have as much.
local function read_chunk(file, offset, size, page)
    if not file:seek("set", offset) then return nil, "its file cannot be read" end
    local bytes, why = file:read(size)
    if not bytes then return nil, why or "its file has been cut short" end
    if size - #bytes >= page then return nil, "its file has been cut short" end
    return bytes .. ("\0"):rep(size - #bytes)
end

local function note_chunks(digests, file, list, page)
    return each_chunk(list, function(offset, size)
        local bytes, unreadable = read_chunk(file, offset, size, page)
        if not bytes then return nil, unreadable end
        digests[name_of_chunk(offset, size)] = core.digest(bytes)
        return true
    end)
end

--- Notes digests of what a file has in each piece; as `why` that it cannot be read.
-- @tparam table digests
-- @string path
-- @tparam table list of pieces
-- @int page the size of a base page
function own_bytes.note(digests, path, list, page)
    local ok, why = false, nil
    local file <close>, refused = io.open(path, "rb")
    if file then ok, why = note_chunks(digests, file, list, page) end
    digests.is_unique = identity.is_unique(path)
    digests.why = digests.why or not ok and (why or refused) or nil
end

-- Whether a piece is mapped from the object's own file, each byte where it belongs, and nobody has
-- written to it: then its bytes are the file's.
local function is_files_own(target, mappings, object, piece)
    local at = piece.start
    for _, m in ipairs(mappings) do
        if ranges.overlap(m, piece) then
            local is_own = own_bytes.is_of_file(m, object) and m.path == object.path
                and m.start <= at and m.offset - m.start == piece.offset - piece.start
            if not is_own then return false end
            at = m.stop
        end
    end
    if at < piece.stop then return false end
    local pages = target.pages(piece.start, piece.stop)
    return not pages.unknown and pages.anon_small + pages.anon_huge == 0
end

-- Lists those pieces of a range whose bytes are to be compared.
local function doubtful_pieces(target, object, range, digests)
    if not digests.is_unique then return range.pieces end
    local list = {}
    for _, piece in ipairs(range.pieces) do
        local is_own = piece.perms and is_files_own(target, range.mappings, object, piece)
        if not is_own then list[#list + 1] = piece end
    end
    return list
end

--- Tells whether the process has the file's bytes in a range.
-- @tparam Inferior inferior that stands still
-- @tparam Target target the same
-- @tparam table object with `path`, `inode`, `major` and `minor`
-- @tparam table range with `pieces`, and `mappings`, the process's
-- @tparam[opt] table digests what was noted of the file
-- @treturn[1] boolean true
-- @treturn[2] nil, string why it has not, or that it cannot be told
function own_bytes.check(inferior, target, object, range, digests)
    digests = digests or {}
    local chunks, list = {}, doubtful_pieces(target, object, range, digests)
    local ok, why = each_chunk(list, function(offset, size, address)
        local wanted = digests[name_of_chunk(offset, size)]
        if not wanted then return nil, digests.why or "its mappings have just changed" end
        chunks[#chunks + 1] = { address = address, size = size, digest = wanted }
        return true
    end)
    if not ok then return nil, why end
    local same, unreadable, errno = inferior:has_digests(chunks)
    if errno == c.EILSEQ then return nil, "its bytes are not the file's any more" end
    return same, unreadable
end

return own_bytes
