-- SPDX-License-Identifier: Apache-2.0
--- What a range is made of: pieces of one file, and gaps between them. For the sources that map a file
-- in its place, and must be able to put everything back.

local core = require "tiexec.core"

local c = core.constants
local pieces = {}

local FIXED <const> = c.MAP_PRIVATE | c.MAP_FIXED

local function same_file(m, text)
    return m.inode == text.inode and m.major == text.major and m.minor == text.minor
end

-- Why a mapping's part is not the file's own bytes, or nil: it is. What was written to once is not.
local function why_foreign(process, m, start, stop, text, base)
    if not same_file(m, text) then return "memory of another file" end
    if m.perms:sub(2, 2) == "w" or m.perms:sub(4, 4) == "s" then return "memory that may be written to" end
    if base and m.start - m.offset ~= base then return "a part of the file that is mapped elsewhere" end
    local pages = process.pages(start, stop)
    return pages.anon_small + pages.anon_huge > 0 and "memory that was written to" or nil
end

-- As mmap takes it. A piece that is executable may have more protection than its permissions tell.
local function protection_of(process, perms, start, stop)
    local executable = perms:find("x") and process.executable(start, stop)
    return (perms:find("r") and c.PROT_READ or c.PROT_NONE) | (executable or c.PROT_NONE)
end

--- The pieces of a range, in order of address: list of `start`, `stop`, `perms` (nil for a gap),
-- `protection`, `offset`, `foreign` (why it is not bytes of the file of `text`; nil: it is).
-- @int[opt] base address at which the file's first byte would be: pieces that lie otherwise are
-- foreign, and gaps have an offset too
function pieces.of(process, mappings, range, text, base)
    local list, at = {}, range.start
    local function gap(stop)
        if at < stop then list[#list + 1] = { start = at, stop = stop, offset = base and at - base } end
    end
    for _, m in ipairs(mappings) do
        local start, stop = math.max(m.start, range.start), math.min(m.stop, range.stop)
        if start < stop then
            gap(start)
            list[#list + 1] = { start = start, stop = stop, offset = start - m.start + m.offset, perms = m.perms,
                protection = protection_of(process, m.perms, start, stop),
                foreign = why_foreign(process, m, start, stop, text, base) }
            at = stop
        end
    end
    gap(range.stop)
    return list
end

--- The largest text of a range: it decides which file, and how it must lie.
function pieces.main_text(mappings, range)
    local best, most
    for _, m in ipairs(mappings) do
        local size = math.min(m.stop, range.stop) - math.max(m.start, range.start)
        if m.perms:sub(3, 3) == "x" and m.inode ~= 0 and size > (most or 0) then best, most = m, size end
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
local function put_back(process, list, fd)
    for _, piece in ipairs(list) do
        local size = piece.stop - piece.start
        local ok -- whether it is as it was
        if not piece.perms then
            ok = process.call("munmap", piece.start, size)
        else
            ok = process.call("mmap", piece.start, size, piece.protection, FIXED, fd, piece.offset)
        end
        if not ok then return nil end
    end
    return true
end

--- Puts every piece back as it was: mapped afresh, since that also forgets the advice.
-- @tparam table list from end to end of what took their place
-- @int fd of the pieces' file, in the process
function pieces.restore(process, list, fd)
    if put_back(process, list, fd) then return end
    -- A mapping of hugetlbfs can be taken apart only between huge pages: all of it makes way first.
    local start, stop = list[1].start, list[#list].stop
    process.call("mmap", start, stop - start, c.PROT_NONE, FIXED | c.MAP_ANONYMOUS, -1, 0)
    put_back(process, list, fd)
end

return pieces
