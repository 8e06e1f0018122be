-- SPDX-License-Identifier: Apache-2.0
--- Packets for registers.

local core = require "tiexec.core"
local packets = require "tiexec.gdb.packets"

local c = core.constants
local registers = {}

--- g: reads all registers of the thread that Hg has named.
function registers.g(server)
    local text, _, errno = server.description:read_all(server.inferior, server:thread())
    return text or server:failure(errno)
end

--- G: writes them all.
function registers.G(server, text)
    local ok, _, errno = server.description:write_all(server.inferior, server:thread(), text)
    return ok and "OK" or server:failure(errno)
end

--- p: reads one.
function registers.p(server, text)
    local number = packets.number(text)
    if not number or number < 0 then return server:failure(c.EINVAL) end
    local value, _, errno = server.description:read(server.inferior, server:thread(), number)
    return value or server:failure(errno)
end

--- P: writes one.
function registers.P(server, text)
    local number, value = text:match("^(%x+)=(%x*)$")
    number, value = packets.number(number), value and packets.bytes(value)
    if not number or number < 0 or not value then return server:failure(c.EINVAL) end
    local ok, _, errno = server.description:write(server.inferior, server:thread(), number, value)
    return ok and "OK" or server:failure(errno)
end

return registers
