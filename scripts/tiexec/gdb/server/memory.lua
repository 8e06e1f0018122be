-- SPDX-License-Identifier: Apache-2.0
--- Packets for memory.

local core = require "tiexec.core"
local packets = require "tiexec.gdb.packets"

local c = core.constants
local memory = {}

-- Reads what can be read of a range: all of it, or a part at its beginning.
local function read(inferior, address, size)
    local bytes, why, errno = inferior:read_memory(address, size)
    if bytes then return bytes end
    local page, parts, got = core.page_size(), {}, 0
    while got < size do
        local piece = math.min(page - (address + got) % page, size - got)
        local some = inferior:read_memory(address + got, piece)
        if not some then break end
        parts[#parts + 1], got = some, got + piece
    end
    if got == 0 then return nil, why, errno end
    return table.concat(parts)
end

-- Reads "ADDRESS,SIZE" at the beginning of a text. Returns both, and what follows.
local function parse_range(text)
    local address, size, rest = text:match("^(%x+),(%x+)(.*)$")
    address, size = packets.number(address), packets.number(size)
    if not address or not size or size < 0 then return nil end
    return address, size, rest
end

--- m: reads memory.
function memory.m(server, text)
    local address, size, rest = parse_range(text)
    if not address or rest ~= "" then return server:failure(c.EINVAL) end
    if size == 0 then return "" end
    local bytes, _, errno = read(server.inferior, address, math.min(size, server.limit // 2))
    return bytes and packets.hex(bytes) or server:failure(errno)
end

-- Writes bytes, of which there must be `size`.
local function write(server, address, size, bytes)
    if not bytes or #bytes ~= size then return server:failure(c.EINVAL) end
    if size == 0 then return "OK" end
    local ok, _, errno = server.inferior:write_memory(address, bytes)
    return ok and "OK" or server:failure(errno)
end

--- M: writes memory, in hexadecimal.
function memory.M(server, text)
    local address, size, rest = parse_range(text)
    if not address or rest:sub(1, 1) ~= ":" then return server:failure(c.EINVAL) end
    return write(server, address, size, packets.bytes(rest:sub(2)))
end

--- X: writes memory, in binary.
function memory.X(server, text)
    local address, size = text:match("^(%x+),(%x+):")
    address, size = packets.number(address), packets.number(size)
    if not address or not size then return server:failure(c.EINVAL) end
    return write(server, address, size, packets.unescape(text:match("^[^:]*:(.*)$")))
end

--- qSearch: finds bytes.
function memory.qSearch(server, text)
    local address, length, pattern = text:match("^:memory:(%x+);(%x+);(.*)$")
    address, length = packets.number(address), packets.number(length)
    pattern = pattern and packets.unescape(pattern)
    if not address or not length or pattern == "" then return server:failure(c.EINVAL) end
    local found, why, errno = server.inferior:search_memory(address, length, pattern)
    if found then return ("1,%x"):format(found) end
    return why and server:failure(errno) or "0"
end

return memory
