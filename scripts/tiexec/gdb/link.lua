-- SPDX-License-Identifier: Apache-2.0
--- One end of a conversation in GDB's remote protocol: packets over a stream, with
-- acknowledgements until both sides do without.

local core = require "tiexec.core"
local packets = require "tiexec.gdb.packets"

local c = core.constants
local link = {}

local SEND_MS <const> = 30000 -- a peer that does not read for so long is gone
local TRIES <const> = 5 -- as often a packet is sent again

local Link = {}
Link.__index = Link

--- Makes a link.
-- @tparam Stream stream
-- @int limit bytes that a payload may have
-- @bool shortens whether it writes runs as such: gdb reads them, and servers need not
-- @treturn Link
function link.new(stream, limit, shortens)
    return setmetatable({ stream = stream, decoder = packets.decoder(limit), acks = true,
        repeats = 0, shortens = shortens }, Link)
end

function Link:write(bytes) return self.stream:write(bytes, SEND_MS) end

--- Sends a payload.
-- @string payload escaped where that is needed
-- @treturn[1] boolean true
-- @treturn[2] nil, message, errno (EPIPE: the peer is gone; ETIMEDOUT: it does not read)
function Link:send(payload)
    self.last, self.repeats = packets.frame(self.shortens and core.shorten(payload) or payload), 0
    return self:write(self.last)
end

-- Sends the last packet again, which has not come through.
function Link:send_again()
    self.repeats = self.repeats + 1
    if not self.last or not self.acks then return true end
    if self.repeats > TRIES then return nil, "the peer takes no packet", c.EPROTO end
    return self:write(self.last)
end

-- Answers what the decoder has found, as far as that is no business of the caller. Returns the kind
-- and the payload if it is; false; or nil, message, errno.
function Link:sort(kind, payload)
    if kind == "endless" then return nil, "the peer sends what is no packet", c.EPROTO end
    if kind == "interrupt" then return kind end
    if kind == "nack" then
        local ok, why, errno = self:send_again()
        return ok and false, why, errno
    end
    if kind ~= "packet" and kind ~= "damaged" then return false end
    if self.acks then
        local ok, why, errno = self:write(kind == "packet" and "+" or "-")
        -- A packet that has come counts, also if it is the last one of a peer that is gone by then.
        if not ok and kind ~= "packet" then return nil, why, errno end
    end
    return kind == "packet" and kind, payload
end

--- Gives what has come already and was not given yet.
-- @treturn[1] string "packet" or "interrupt"
-- @treturn[1] ?string the payload
-- @treturn[2] false: nothing
-- @treturn[3] nil, message, errno
function Link:pending()
    local kind, payload = self.decoder:next()
    while kind do
        local sorted, result, errno = self:sort(kind, payload)
        if sorted ~= false then return sorted, result, errno end
        kind, payload = self.decoder:next()
    end
    return false
end

--- Reads what has come on the stream, and waits for it.
-- @int[opt] timeout milliseconds
-- @treturn[1] boolean true
-- @treturn[2] nil, message, errno (EPIPE: the peer is gone; ETIMEDOUT; EINTR)
function Link:read(timeout)
    local bytes, why, errno = self.stream:read(timeout)
    if not bytes then return nil, why, errno end
    if bytes == "" then return nil, "the peer is gone", c.EPIPE end
    self.decoder:feed(bytes)
    return true
end

--- Gives what comes next, and waits for it.
-- @int[opt] timeout milliseconds
-- @treturn[1] string "packet" or "interrupt"
-- @treturn[1] ?string the payload
-- @treturn[2] nil, message, errno (EPIPE: the peer is gone; ETIMEDOUT; EINTR; EPROTO: it does not
-- speak the protocol)
function Link:receive(timeout)
    local deadline = timeout and core.now() + timeout / 1000
    while true do
        local kind, payload, errno = self:pending()
        if kind ~= false then return kind, payload, errno end
        local left = deadline and math.max(0, math.ceil((deadline - core.now()) * 1000))
        local ok, why, number = self:read(left)
        if not ok then return nil, why, number end
    end
end

return link
