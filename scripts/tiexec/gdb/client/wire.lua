-- SPDX-License-Identifier: Apache-2.0
--- Requests to a stub, and what its replies mean.

local core = require "tiexec.core"
local packets = require "tiexec.gdb.packets"

local c = core.constants
local wire = {}

local LARGEST <const> = 16 << 20 -- bytes of an object that is read in pieces

-- Gives the name of the packet that a payload is, for messages.
local function name_of(payload)
    return payload:match("^qXfer:[%l%d-]*:%l*") or payload:match("^vFile:%l*")
        or payload:match("^[qQv][%u%l]+") or payload:match("^[Zz]%d") or payload:sub(1, 1)
end

--- Says that the stub has no such packet.
-- @treturn nil, message, errno
function wire.lacks(packet)
    return nil, ("the stub lacks the packet %s"):format(packet), c.EOPNOTSUPP
end

--- Sends a request and waits for the reply.
-- @tparam Remote remote
-- @string payload
-- @treturn[1] string the reply
-- @treturn[2] nil, message, errno (EOPNOTSUPP: the stub lacks the packet; EIO: it has refused;
-- EPIPE: it is gone; ETIMEDOUT; EBUSY: threads run)
function wire.ask(remote, payload)
    if remote.running then return nil, "the threads are running", c.EBUSY end
    if remote.lost then return nil, remote.lost, c.EPIPE end
    local ok, why, errno = remote.link:send(payload)
    local kind, reply
    if ok then
        repeat
            kind, reply, errno = remote.link:receive(remote.timeout)
        until kind ~= "interrupt"
        why = reply
    end
    if not kind then
        remote.lost = ("the stub is gone: %s"):format(why)
        return nil, remote.lost, errno
    end
    if reply == "" then return wire.lacks(name_of(payload)) end
    local number = reply:match("^E(%x%x)$") or reply:match("^E%.(.*)$")
    if not number then return reply end
    return nil, ("%s: the stub says error %s"):format(name_of(payload), number), c.EIO
end

--- The same, where the reply must be OK.
-- @treturn[1] boolean true
-- @treturn[2] nil, message, errno
function wire.order(remote, payload)
    local reply, why, errno = wire.ask(remote, payload)
    if not reply then return nil, why, errno end
    if reply == "OK" then return true end
    local short = reply:sub(1, 20)
    return nil, ("%s: unexpected reply '%s'"):format(name_of(payload), short), c.EPROTO
end

--- Reads an object in pieces (qXfer).
-- @string name "auxv", …
-- @string[opt=""] annex
-- @treturn[1] string
-- @treturn[2] nil, message, errno
function wire.transfer(remote, name, annex)
    local packet = ("qXfer:%s:read"):format(name)
    if not remote.features[packet] then return wire.lacks(packet) end
    local parts, size = {}, 0
    while size < LARGEST do
        local piece = math.max(64, remote.limit - 16) // 2
        local reply, why, errno = wire.ask(remote,
            ("%s:%s:%x,%x"):format(packet, annex or "", size, piece))
        if not reply then return nil, why, errno end
        local bytes = packets.unescape(reply:sub(2))
        local is_last = reply:sub(1, 1) == "l"
        if not is_last and (reply:sub(1, 1) ~= "m" or bytes == "") then break end
        parts[#parts + 1], size = bytes, size + #bytes
        if is_last then return table.concat(parts) end
    end
    return nil, packet .. ": the stub's reply is malformed", c.EPROTO
end

--- Writes a thread's id for the stub.
function wire.id(remote, thread) return remote.ids[thread] or ("%x"):format(thread) end

--- Reads a thread's id as the stub writes it. Notes how it is written.
-- @treturn ?int
function wire.thread(remote, text)
    local pid, tid = text:match("^p(%x+)%.(%x+)$")
    local number = packets.number(tid or text)
    if not number or number <= 0 then return nil end
    remote.ids[number] = text
    remote.process = remote.process or packets.number(pid)
    return number
end

return wire
