-- SPDX-License-Identifier: Apache-2.0
-- Counts the system calls of a program's threads, and adds up how long each kind has taken:
--   tiexec --script calls.lua CMD [ARG]...
if #arg == 0 then
    io.stderr:write("usage: tiexec --script calls.lua CMD [ARG]...\n")
    return 2
end
local inferior <close>, why = tiexec.launch(arg)
if not inferior then
    io.stderr:write("calls.lua: ", why, "\n")
    return 127
end

local calls, begun = {}, {}
local event
repeat
    inferior:cont("syscall")
    event = assert(inferior:wait())
    if event.reason == "syscall-entry" then
        begun[event.thread] = tiexec.now()
    elseif event.reason == "syscall-return" and begun[event.thread] then
        local name = tiexec.syscall_name(event.syscall) or tostring(event.syscall)
        local call = calls[name] or { name = name, seconds = 0, count = 0, errors = 0 }
        call.seconds = call.seconds + tiexec.now() - begun[event.thread]
        call.count = call.count + 1
        if event.result < 0 and event.result > -4096 then call.errors = call.errors + 1 end
        calls[name] = call
    end
until event.reason:find("^exited")

local list = {}
for _, call in pairs(calls) do list[#list + 1] = call end
table.sort(list, function(a, b) return a.seconds > b.seconds end)
io.stderr:write("   seconds    calls   errors  system call\n")
for _, call in ipairs(list) do
    local figures = ("%10.6f %8d %8d"):format(call.seconds, call.count, call.errors)
    io.stderr:write(figures, "  ", call.name, "\n")
end
return event.exit_code or 128 + event.signal
