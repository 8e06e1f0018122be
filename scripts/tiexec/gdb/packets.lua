-- SPDX-License-Identifier: Apache-2.0
--- The packets of GDB's remote protocol: `$payload#checksum`, with escapes and run lengths.

local core = require "tiexec.core"

local packets = {}

core.open_late(core)

local ESCAPE <const>, FLIP <const> = "}", 0x20
local RUN <const>, RUN_BASE <const> = "*", 29 -- a run of n more has the character n + 29

--- Writes bytes in hexadecimal.
packets.hex = core.hex

--- Reads bytes that are written in hexadecimal; nil: they are not.
packets.bytes = core.unhex

--- Reads a number of up to 64 bits in hexadecimal; nil: it is none.
-- @tparam ?string text
-- @treturn ?int
function packets.number(text)
    if not text or #text > 16 or not text:find("^%x+$") then return nil end
    return tonumber(text, 16)
end

--- Gives the two digits of a payload's checksum.
function packets.checksum(payload) return ("%02x"):format(core.checksum(payload)) end

--- Escapes what may not stand in a payload.
function packets.escape(bytes)
    return (bytes:gsub("[#$}*]", function(char)
        return ESCAPE .. string.char(char:byte() ~ FLIP)
    end))
end

--- Takes the escapes out of binary data.
function packets.unescape(bytes)
    return (bytes:gsub(ESCAPE .. "(.)", function(char) return string.char(char:byte() ~ FLIP) end))
end

--- Gives a payload as it is sent.
function packets.frame(payload) return ("$%s#%s"):format(payload, packets.checksum(payload)) end

-- Writes out runs: a character, `*`, and how many more of it there are. A `*` may be escaped data,
-- too; that has no `*` in it any more. Nil: it is malformed, or longer than `limit`.
local function expand(payload, limit)
    if not payload:find(RUN, 1, true) then return payload end
    local parts, at, size = {}, 1, 0
    while true do
        local star = payload:find(RUN, at, true)
        local text = payload:sub(at, star and star - 1)
        parts[#parts + 1], size = text, size + #text
        if not star then break end
        local more = (payload:byte(star + 1) or 0) - RUN_BASE
        if more < 3 or text == "" and #parts == 1 then return nil end
        local before = text ~= "" and text:sub(-1) or parts[#parts - 1]:sub(-1)
        parts[#parts + 1], size = before:rep(more), size + more
        if size > limit then return nil end
        at = star + 2
    end
    return table.concat(parts)
end

-- ---- taking a stream of bytes apart -------------------------------------------------------------

local Decoder = {}
Decoder.__index = Decoder

--- Makes a decoder.
-- @int limit bytes that a payload may have
-- @treturn table `feed(bytes)` and `next()`
function packets.decoder(limit)
    return setmetatable({ buffer = "", limit = limit }, Decoder)
end

--- Takes in bytes that have come.
function Decoder:feed(bytes) self.buffer = self.buffer .. bytes end

local signs = { ["+"] = "ack", ["-"] = "nack", ["\3"] = "interrupt" }

-- Takes a packet out of the buffer, which begins with one.
function Decoder:take_packet()
    local mark = self.buffer:find("#", 2, true)
    if mark and #self.buffer >= mark + 2 then
        local payload = self.buffer:sub(2, mark - 1)
        local sum, is_note = self.buffer:sub(mark + 1, mark + 2), self.buffer:byte() == 0x25
        self.buffer = self.buffer:sub(mark + 3)
        if sum:lower() ~= packets.checksum(payload) then return "damaged" end
        payload = expand(payload, self.limit)
        if not payload or #payload > self.limit then return "damaged" end
        return is_note and "notification" or "packet", payload
    end
    if #self.buffer > self.limit + 4 then return "endless" end
end

--- Gives what comes next: "packet" with its payload, "notification" with its payload, "ack",
-- "nack", "interrupt" (Ctrl-C); "damaged": a packet with a wrong checksum; "endless": more bytes
-- than a packet may have, and no end. Nil: it has not come yet.
-- @treturn ?string
-- @treturn ?string
function Decoder:next()
    local first = self.buffer:find("[-+\3$%%]")
    if not first then
        self.buffer = ""
        return nil
    end
    local sign = signs[self.buffer:sub(first, first)]
    self.buffer = self.buffer:sub(sign and first + 1 or first)
    if sign then return sign end
    return self:take_packet()
end

return packets
