-- SPDX-License-Identifier: Apache-2.0
--- Packets about threads.

local core = require "tiexec.core"
local ids = require "tiexec.gdb.server.ids"
local packets = require "tiexec.gdb.packets"
local processes = require "tiexec.gdb.server.processes"

local c = core.constants
local threads = {}

-- Finds the process of a thread that has been named: of any, or of all, the one that is named with
-- it, or the present one. Nil: there is no such thread.
local function process_of(server, thread, pid)
    local process = server.now
    if pid and pid > 0 then process = processes.find(server, pid) end
    if not process or thread == ids.ALL or thread == ids.ANY then return process end
    local its = processes.of_thread(server, thread)
    return (not pid or pid <= 0 or its == process) and its or nil
end

--- H: names the thread that later packets mean, and its process.
function threads.H(server, text)
    local thread, pid = ids.parse(text:sub(2))
    if not thread or not text:find("^[gc]") then return server:failure(c.EINVAL) end
    local process = process_of(server, thread, pid)
    if not process then return server:failure(c.ESRCH) end
    server.named[text:sub(1, 1)] = thread
    if text:find("^g") then processes.turn_to(server, process) end
    return "OK"
end

--- T: tells whether a thread is there.
function threads.T(server, text)
    local thread = ids.parse(text)
    return thread and processes.of_thread(server, thread) and "OK" or server:failure(c.ESRCH)
end

--- qC: names the present thread.
function threads.qC(server) return "QC" .. ids.of(server, server:thread()) end

--- qfThreadInfo: lists all threads.
function threads.qfThreadInfo(server)
    local list = {}
    for _, process in ipairs(processes.shown(server)) do
        for _, tid in ipairs(process.inferior:threads()) do
            list[#list + 1] = ids.of(server, tid, process.pid)
        end
    end
    return #list > 0 and "m" .. table.concat(list, ",") or "l"
end

--- qsThreadInfo: there are no more.
function threads.qsThreadInfo() return "l" end

--- Gives the name that the kernel has for a thread.
function threads.name(pid, tid)
    local text = core.read_file(("/proc/%d/task/%d/comm"):format(pid, tid))
    return text and text:gsub("\n$", "") or ""
end

-- The CPU that a thread was on last: field 39 of its stat.
local function cpu_of(pid, tid)
    local text = core.read_file(("/proc/%d/task/%d/stat"):format(pid, tid)) or ""
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

-- A line of the list of threads.
local function line_of(server, pid, tid)
    local cpu = cpu_of(pid, tid)
    return ("<thread id='%s'%s name='%s'/>"):format(ids.of(server, tid, pid),
        cpu and (" core='%s'"):format(cpu) or "", threads.xml(threads.name(pid, tid)))
end

--- The list of threads as qXfer:threads has it.
function threads.list(server)
    local lines = { "<threads>" }
    for _, process in ipairs(processes.shown(server)) do
        for _, tid in ipairs(process.inferior:threads()) do
            lines[#lines + 1] = line_of(server, process.pid, tid)
        end
    end
    lines[#lines + 1] = "</threads>"
    return table.concat(lines, "\n")
end

--- qThreadExtraInfo: the name of a thread.
function threads.qThreadExtraInfo(server, text)
    local thread = ids.parse(text:sub(2))
    if not thread then return server:failure(c.EINVAL) end
    local process = processes.of_thread(server, thread) or server.now
    return packets.hex(threads.name(process.pid, thread))
end

return threads
