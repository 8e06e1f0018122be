-- SPDX-License-Identifier: Apache-2.0
--- Stop replies: what gdb is told of an event.

local core = require "tiexec.core"
local ids = require "tiexec.gdb.server.ids"
local packets = require "tiexec.gdb.packets"
local signals = require "tiexec.gdb.signals"

local stops = {}

local TRAP <const>, INTERRUPT <const> = 5, 2 -- GDB's numbers

local watch_words <const> = { write = "watch", read = "rwatch", access = "awatch" }

-- Which of the breakpoints at hand is gdb's.
local function own_point(server, event)
    for _, point in ipairs(event.points or {}) do
        for _, own in pairs(server.now.points) do
            if own == point then return point end
        end
    end
end

local function breakpoint_word(server, event)
    local point = own_point(server, event)
    if not point then return "" end
    if point:is_hardware() then return server.features.hwbreak and "hwbreak:;" or "" end
    return server.features.swbreak and "swbreak:;" or ""
end

local function watch_word(server, event)
    local point = own_point(server, event)
    return point and ("%s:%x;"):format(watch_words[point.kind], point.address) or ""
end

local function exec_word(server)
    local path = core.readlink(("/proc/%d/exe"):format(server.pid))
    if not server.features["exec-events"] or not path then return "" end
    return ("exec:%s;"):format(packets.hex(path))
end

-- A word that names the child.
local function birth_word(server, event)
    return ("%s:%s;"):format(event.reason, ids.of(server, event.child, event.child))
end

local words <const> = {
    ["fork"] = birth_word,
    ["vfork"] = birth_word,
    ["vfork-done"] = function() return "vforkdone:;" end,
    ["breakpoint-hit"] = breakpoint_word,
    ["watchpoint-trigger"] = watch_word,
    ["read-watchpoint-trigger"] = watch_word,
    ["access-watchpoint-trigger"] = watch_word,
    ["exec"] = exec_word,
    ["syscall-entry"] = function(_, event) return ("syscall_entry:%x;"):format(event.syscall) end,
    ["syscall-return"] = function(server, event)
        return ("syscall_return:%x;"):format(server.now.calls[event.thread] or 0)
    end,
}

-- The registers that gdb asks for at once: those that have fixed meanings.
local function expedited(server, thread)
    local parts = {}
    for _, register in ipairs(server.description.list) do
        if register.type == "data_ptr" or register.type == "code_ptr" then
            local value = server.description:read(server.inferior, thread, register.number)
            if value then parts[#parts + 1] = ("%02x:%s;"):format(register.number, value) end
        end
    end
    return table.concat(parts)
end

local function stopped(server, signal, word, thread)
    return ("T%02x%s%sthread:%s;"):format(signal, word, expedited(server, thread),
        ids.of(server, thread))
end

local function ended(server, letter, number)
    local who = server.features.multiprocess and (";process:%x"):format(server.pid) or ""
    return ("%s%02x%s"):format(letter, number, who)
end

--- Writes the stop reply for an event.
-- @tparam Server server
-- @tparam Event event
-- @treturn string
function stops.of(server, event)
    if event.reason == "exited" then return ended(server, "W", event.exit_code & 0xff) end
    if event.reason == "exited-signalled" then
        return ended(server, "X", signals.to_gdb(event.signal))
    end
    local word = words[event.reason]
    local is_signal = event.reason == "signal-received"
    local signal = is_signal and signals.to_gdb(event.signal) or TRAP
    return stopped(server, signal, word and word(server, event) or "", event.thread)
end

--- Writes the one for threads that gdb has had stopped.
-- @treturn string
function stops.interrupted(server, thread) return stopped(server, INTERRUPT, "", thread) end

--- Writes the one that tells where a process stands to which gdb has just come.
-- @treturn string
function stops.present(server, thread) return stopped(server, TRAP, "", thread) end

return stops
