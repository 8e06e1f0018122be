-- SPDX-License-Identifier: Apache-2.0
--- Packets for breakpoints and watchpoints.

local core = require "tiexec.core"
local packets = require "tiexec.gdb.packets"

local c = core.constants
local points = {}

-- By the digit of the packets.
local breakpoints <const> = { ["0"] = "software", ["1"] = "hardware" }
local watchpoints <const> = { ["2"] = "write", ["3"] = "read", ["4"] = "access" }

-- Reads "TYPE,ADDRESS,KIND". Returns a key, under which the server has the point, and the parts.
local function parse(text)
    local kind, address, size = text:match("^([0-4]),(%x+),(%x+)$")
    address, size = packets.number(address), packets.number(size)
    if not address or not size then return nil end
    return ("%s,%x,%x"):format(kind, address, size), kind, address, size
end

local function insert(server, kind, address, size)
    if breakpoints[kind] then
        return server.inferior:breakpoint(address, breakpoints[kind])
    end
    if size < 1 or size > 32 then return nil, "too large", c.ENOSPC end
    local point, why, errno = server.inferior:watch(address, size, watchpoints[kind])
    -- gdb knows whether the CPU stops before the instruction, and has it executed then.
    if point then server.inferior:tell_before(point.id) end
    return point, why, errno
end

--- Z: inserts one. The same packet twice is one point.
function points.Z(server, text)
    local key, kind, address, size = parse(text)
    if not key then return text:find("^[0-4],") and server:failure(c.EINVAL) or "" end
    local own = server.now.points
    if own[key] and own[key]:is_valid() then return "OK" end
    local point, _, errno = insert(server, kind, address, size)
    own[key] = point
    return point and "OK" or server:failure(errno)
end

--- z: removes one.
function points.z(server, text)
    local key = parse(text)
    if not key then return text:find("^[0-4],") and server:failure(c.EINVAL) or "" end
    local point = server.now.points[key]
    server.now.points[key] = nil
    if not point then return "OK" end
    local ok, _, errno = point:delete()
    return ok and "OK" or server:failure(errno)
end

return points
