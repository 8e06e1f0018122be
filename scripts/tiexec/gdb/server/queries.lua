-- SPDX-License-Identifier: Apache-2.0
--- Packets about the conversation itself, about signals and system calls, and those that end it.

local core = require "tiexec.core"
local objects = require "tiexec.gdb.server.objects"
local packets = require "tiexec.gdb.packets"
local processes = require "tiexec.gdb.server.processes"
local signals = require "tiexec.gdb.signals"
local stops = require "tiexec.gdb.server.stops"

local c = core.constants
local queries = {}

-- What is only spoken where gdb asks for it.
local asked <const> = { "multiprocess", "swbreak", "hwbreak", "exec-events", "fork-events",
    "vfork-events", "no-resumed" }

--- qSupported: what both sides can do.
function queries.qSupported(server, text)
    local list = { ("PacketSize=%x"):format(server.limit), "QStartNoAckMode+", "vContSupported+",
        "QPassSignals+", "QProgramSignals+", "QCatchSyscalls+" }
    server.features = {}
    for _, name in ipairs(asked) do
        if (text .. ";"):find("[:;]" .. name:gsub("%-", "%%-") .. "%+;") then
            server.features[name] = true
            list[#list + 1] = name .. "+"
        end
    end
    processes.follow(server)
    table.move(objects.supported, 1, #objects.supported, #list + 1, list)
    return table.concat(list, ";")
end

--- QStartNoAckMode: no more acknowledgements after this one.
function queries.QStartNoAckMode(server)
    server.ends_acks = true
    return "OK"
end

--- ?: where the process stands.
queries["?"] = function(server)
    return server.last or stops.present(server, server:thread())
end

--- qAttached: whether gdb should let it go at the end, and not kill it.
function queries.qAttached(server) return server.attached and "1" or "0" end

--- qSymbol: gdb offers to look symbols up; there is no need.
function queries.qSymbol() return "OK" end

-- Reads a list of signals by GDB's numbers, as a set of this host's.
local function parse_signals(text)
    local set = {}
    for word in text:gmatch("[^:;]+") do
        local number = packets.number(word)
        if not number then return nil end
        set[signals.to_host(number) or 0] = true
    end
    return set
end

--- QPassSignals: signals of which gdb is not told.
function queries.QPassSignals(server, text)
    local set = parse_signals(text)
    server.passed = set or server.passed
    return set and "OK" or server:failure(c.EINVAL)
end

--- QProgramSignals: signals that the process is to get when it is let go.
function queries.QProgramSignals(server, text)
    local set = parse_signals(text)
    server.delivered = set or server.delivered
    return set and "OK" or server:failure(c.EINVAL)
end

--- QCatchSyscalls: system calls of which gdb is told; without numbers all.
function queries.QCatchSyscalls(server, text)
    if text == ":0" then return server:catch(nil) end
    local list = {}
    if not text:find("^:1") then return server:failure(c.EINVAL) end
    for word in text:sub(3):gmatch("[^;]+") do
        list[#list + 1] = packets.number(word)
        if not list[#list] then return server:failure(c.EINVAL) end
    end
    return server:catch(list)
end

-- The process that ";PID" names; without that the present one. Where gdb knows of one alone it is
-- meant, whatever the id.
local function named(server, text)
    local pid = packets.number(text:match("^;(%x+)$"))
    if not pid or not server.features.multiprocess then return server.now end
    return processes.find(server, pid)
end

--- D: lets a process go.
function queries.D(server, text)
    local process = named(server, text)
    if not process then return server:failure(c.ESRCH) end
    local ok, _, errno = processes.release(server, process)
    return ok and "OK" or server:failure(errno)
end

--- k: kills all. There is no reply.
function queries.k(server)
    for _, process in ipairs(processes.shown(server)) do processes.kill(server, process) end
    return nil
end

--- vKill: kills a process.
function queries.vKill(server, text)
    local process = named(server, text)
    if not process then return server:failure(c.ESRCH) end
    processes.kill(server, process)
    return "OK"
end

--- vMustReplyEmpty: what is not known is answered by nothing.
function queries.vMustReplyEmpty() return "" end

return queries
