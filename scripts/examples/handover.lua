-- SPDX-License-Identifier: Apache-2.0
-- Hands a program over to gdb when a system call fails with some error, and goes on after gdb:
--   tiexec --script handover.lua ERROR CMD [ARG]...           (EACCES, ENOSPC, ECONNREFUSED...)
local errno = arg[1] and tiexec.constants[arg[1]]
if not errno or #arg < 2 then
    io.stderr:write("usage: tiexec --script handover.lua ERROR CMD [ARG]...\n")
    return 2
end
local inferior <close>, why = tiexec.launch { table.unpack(arg, 2) }
if not inferior then
    io.stderr:write("handover.lua: ", why, "\n")
    return 127
end

local function told(place)
    io.stderr:write(("gdb -ex 'target remote %s'\n"):format(place))
end

local event
repeat
    inferior:cont("syscall")
    event = assert(inferior:wait())
    if event.reason == "syscall-return" and event.result == -errno then
        io.stderr:write(tiexec.syscall_name(event.syscall), ": ", arg[1], "; it waits for\n")
        local outcome, ended = inferior:serve("0", { told = told })
        if outcome ~= "detached" then event = ended or { reason = "exited", exit_code = 1 } end
    end
until event.reason:find("^exited")
return event.exit_code or 128 + event.signal
