-- SPDX-License-Identifier: Apache-2.0
-- Shows who sends signals to a running process, until it ends or Ctrl-C is pressed:
--   tiexec --script sender.lua PID
local pid = math.tointeger(arg[1])
if not pid then
    io.stderr:write("usage: tiexec --script sender.lua PID\n")
    return 2
end
local inferior <close>, why = tiexec.attach(pid)
if not inferior then
    io.stderr:write(("sender.lua: %d: %s\n"):format(pid, why))
    return 1
end

local function name_of(sender)
    local file <close> = io.open(("/proc/%d/comm"):format(sender))
    return file and file:read("l") or "which is gone"
end

local event
repeat
    inferior:cont() -- the process gets the signal now
    event = assert(inferior:wait())
    if event.reason == "signal-received" then
        local info = inferior:siginfo()
        local from = info.address and ("a fault at %#x"):format(info.address)
            or info.code > 0 and "the kernel"
            or ("process %d (%s) of user %d"):format(info.pid, name_of(info.pid), info.uid)
        print(("%s to thread %d: %s"):format(event.signal_name or event.signal, event.thread, from))
        io.stdout:flush()
    end
until event.reason:find("^exited")
