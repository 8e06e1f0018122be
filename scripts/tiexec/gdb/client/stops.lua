-- SPDX-License-Identifier: Apache-2.0
--- Stop replies of a stub, as events.

local core = require "tiexec.core"
local packets = require "tiexec.gdb.packets"
local signals = require "tiexec.gdb.signals"
local wire = require "tiexec.gdb.client.wire"

local c = core.constants
local stops = {}

local watch_reasons <const> = { watch = "watchpoint-trigger", rwatch = "read-watchpoint-trigger",
    awatch = "access-watchpoint-trigger" }

local function malformed(reply)
    return nil, ("the stub's stop reply is malformed: '%s'"):format(reply:sub(1, 40)), c.EPROTO
end

local function with_signal(event, number)
    event.signal = number
    event.signal_name = core.signal_name(number)
    return event
end

local function ended(remote, letter, text)
    local number = text:match("^(%x%x?)$") or text:match("^(%x%x?);process:%x+$")
    if not number then return malformed(letter .. text) end
    local thread = remote.process or remote.selected
    if letter == "W" then
        return { reason = "exited", thread = thread, exit_code = packets.number(number) }
    end
    local host = signals.to_host(packets.number(number))
    return with_signal({ reason = "exited-signalled", thread = thread, core_dumped = false },
        host or 0)
end

-- Reads "NAME:VALUE;" and so on.
local function fields_of(text)
    local fields = {}
    for name, value in text:gmatch("([^:;]+):([^;]*)") do fields[name] = value end
    return fields
end

-- The watchpoint whose data has an address, and an event of it.
local function watched(remote, event, address)
    for id, point in pairs(remote.own_points) do
        local offset = point.size and address - point.address
        if offset and offset >= 0 and offset < point.size then
            event.point, event.address = id, point.address
            return event
        end
    end
    event.address = address
    return event
end

--- Adds to the event of a watchpoint what the data was when it was last looked at, and what it is.
-- @tparam Remote remote
-- @tparam Event event
function stops.add_values(remote, event)
    local point = remote.own_points[event.point]
    if not point then return end
    local size, now = point.size, remote:read_memory(point.address, point.size)
    local is_integer = size == 1 or size == 2 or size == 4 or size == 8
    local function value(bytes)
        return bytes and is_integer and string.unpack(remote.order .. "I" .. #bytes, bytes) or bytes
    end
    event.old, event.new = value(point.old), value(now)
    point.old = now
end

-- Whether one of the breakpoints that are set is at an address.
local function is_breakpoint(remote, address)
    for _, point in pairs(remote.own_points) do
        if point.enabled and not point.size and point.address == address then return true end
    end
    return false
end

-- What a trap is: a breakpoint, the end of a step, or the program's own.
local function trap(remote, event)
    local pc = remote:read_register("pc")
    local stepped = remote.stepping == event.thread
    if pc and is_breakpoint(remote, pc) then
        event.reason, event.address, event.stepped = "breakpoint-hit", pc, stepped or nil
        return event
    end
    if stepped then
        event.reason = "end-stepping-range"
        return event
    end
    event.reason = "signal-received"
    return with_signal(event, c.SIGTRAP)
end

-- What the fields of a reply say has happened.
local function of_fields(remote, event, fields)
    for name, reason in pairs(watch_reasons) do
        local address = packets.number(fields[name])
        if address then
            event.reason = reason
            return watched(remote, event, address)
        end
    end
    if fields.syscall_entry then
        event.reason, event.syscall = "syscall-entry", packets.number(fields.syscall_entry)
        return event
    end
    if fields.syscall_return then
        event.reason, event.syscall = "syscall-return", packets.number(fields.syscall_return)
        return event
    end
    if fields.exec then
        event.reason = "exec"
        return event
    end
end

--- Makes an event of a stop reply. The threads are stopped.
-- @tparam Remote remote
-- @string reply
-- @treturn[1] Event
-- @treturn[2] nil, message, errno
function stops.of(remote, reply)
    local letter, text = reply:sub(1, 1), reply:sub(2)
    if letter == "W" or letter == "X" then return ended(remote, letter, text) end
    local signal = (letter == "T" or letter == "S") and packets.number(text:match("^%x%x"))
    if not signal then return malformed(reply) end
    local fields = fields_of(text:sub(3))
    local thread = fields.thread and wire.thread(remote, fields.thread) or remote.selected
    remote.selected = thread
    local event = { thread = thread }
    local known = of_fields(remote, event, fields)
    if known then return known end
    local host = signals.to_host(signal)
    if host == c.SIGTRAP then return trap(remote, event) end
    event.reason = "signal-received"
    return with_signal(event, host or 0)
end

return stops
