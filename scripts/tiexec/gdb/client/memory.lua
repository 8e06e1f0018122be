-- SPDX-License-Identifier: Apache-2.0
--- Memory of what a stub has.

local core = require "tiexec.core"
local packets = require "tiexec.gdb.packets"
local wire = require "tiexec.gdb.client.wire"

local c = core.constants
local memory = {} -- methods of a Remote

local LARGEST <const> = 1 << 31
local PIECE <const> = 1 << 16 -- of a search

local function check(address, size)
    if math.type(address) ~= "integer" or math.type(size) ~= "integer" then
        error("an integer expected", 3)
    end
    if size < 0 or size > LARGEST then error("too large for a string", 3) end
end

--- Reads memory, as `Inferior:read_memory` does.
function memory:read_memory(address, size)
    check(address, size)
    local parts, got = {}, 0
    while got < size do
        local piece = math.min(size - got, (self.limit - 8) // 2)
        local reply, why, errno = wire.ask(self, ("m%x,%x"):format(address + got, piece))
        if not reply then return nil, why, errno == c.EIO and c.EFAULT or errno end
        local bytes = packets.bytes(reply)
        if not bytes or bytes == "" or #bytes > piece then
            return nil, "read_memory: the stub's reply is malformed", c.EPROTO
        end
        parts[#parts + 1], got = bytes, got + #bytes
    end
    return table.concat(parts)
end

-- Writes a piece, in binary if the stub can. Returns as `wire.order`.
local function write(remote, address, bytes)
    if remote.is_binary ~= false then
        local ok, why, errno = wire.order(remote,
            ("X%x,%x:%s"):format(address, #bytes, packets.escape(bytes)))
        if ok or errno ~= c.EOPNOTSUPP then return ok, why, errno end
        remote.is_binary = false
    end
    return wire.order(remote, ("M%x,%x:%s"):format(address, #bytes, packets.hex(bytes)))
end

--- Writes memory, as `Inferior:write_memory` does.
function memory:write_memory(address, bytes)
    check(address, #bytes)
    for at = 1, #bytes, (self.limit - 48) // 2 do
        local piece = bytes:sub(at, at + (self.limit - 48) // 2 - 1)
        local ok, why, errno = write(self, address + at - 1, piece)
        if not ok then return nil, why, errno == c.EIO and c.EFAULT or errno end
    end
    self.kept = {}
    return true
end

--- Finds a byte string, as `Inferior:search_memory` does.
function memory:search_memory(address, length, pattern)
    check(address, length)
    if type(pattern) ~= "string" or pattern == "" then error("empty pattern", 2) end
    local before, at = "", 0
    while at < length do
        local piece = math.min(PIECE, length - at)
        local bytes, why, errno = self:read_memory(address + at, piece)
        if not bytes then return nil, why, errno end
        local text = before .. bytes
        local found = text:find(pattern, 1, true)
        if found then return address + at - #before + found - 1 end
        before = text:sub(math.max(1, #text - #pattern + 2))
        at = at + piece
    end
    return nil
end

return memory
