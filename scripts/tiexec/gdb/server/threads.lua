-- SPDX-License-Identifier: Apache-2.0
--- Packets about threads.

local core = require "tiexec.core"
local ids = require "tiexec.gdb.server.ids"
local packets = require "tiexec.gdb.packets"

local c = core.constants
local threads = {}

local function is_thread(server, wanted)
    for _, tid in ipairs(server.inferior:threads()) do
        if tid == wanted then return true end
    end
    return false
end

--- H: names the thread that later packets mean.
function threads.H(server, text)
    local thread, pid = ids.parse(text:sub(2))
    if not thread or not text:find("^[gc]") then return server:failure(c.EINVAL) end
    local known = thread == ids.ALL or thread == ids.ANY or is_thread(server, thread)
    if not known or pid and pid > 0 and pid ~= server.pid then return server:failure(c.ESRCH) end
    server.named[text:sub(1, 1)] = thread
    return "OK"
end

--- T: tells whether a thread is there.
function threads.T(server, text)
    local thread = ids.parse(text)
    return thread and is_thread(server, thread) and "OK" or server:failure(c.ESRCH)
end

--- qC: names the present thread.
function threads.qC(server) return "QC" .. ids.of(server, server:thread()) end

--- qfThreadInfo: lists all threads.
function threads.qfThreadInfo(server)
    local list = {}
    for _, tid in ipairs(server.inferior:threads()) do list[#list + 1] = ids.of(server, tid) end
    return #list > 0 and "m" .. table.concat(list, ",") or "l"
end

--- qsThreadInfo: there are no more.
function threads.qsThreadInfo() return "l" end

--- Gives the name that the kernel has for a thread.
function threads.name(server, tid)
    local text = core.read_file(("/proc/%d/task/%d/comm"):format(server.pid, tid))
    return text and text:gsub("\n$", "") or ""
end

-- The CPU that a thread was on last: field 39 of its stat.
local function cpu_of(server, tid)
    local text = core.read_file(("/proc/%d/task/%d/stat"):format(server.pid, tid)) or ""
    local n = 2 -- the name may have anything in it
    for word in text:gsub("^.*%)", ""):gmatch("%S+") do
        n = n + 1
        if n == 39 then return word end
    end
end

--- Writes text as XML has it. Control characters, which it cannot have, are left out.
function threads.xml(text)
    local named = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ["'"] = "&apos;",
        ['"'] = "&quot;" }
    return (text:gsub("[%c\127-\255]", "?"):gsub("[&<>'\"]", named))
end

--- The list of threads as qXfer:threads has it.
function threads.list(server)
    local lines = { "<threads>" }
    for _, tid in ipairs(server.inferior:threads()) do
        local core_attribute = cpu_of(server, tid)
        lines[#lines + 1] = ("<thread id='%s'%s name='%s'/>"):format(ids.of(server, tid),
            core_attribute and (" core='%s'"):format(core_attribute) or "",
            threads.xml(threads.name(server, tid)))
    end
    lines[#lines + 1] = "</threads>"
    return table.concat(lines, "\n")
end

--- qThreadExtraInfo: the name of a thread.
function threads.qThreadExtraInfo(server, text)
    local thread = ids.parse(text:sub(2))
    if not thread then return server:failure(c.EINVAL) end
    return packets.hex(threads.name(server, thread))
end

return threads
