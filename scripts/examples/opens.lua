-- SPDX-License-Identifier: Apache-2.0
-- Shows which files a program, and all that it starts, opens or looks for in vain:
--   tiexec --script opens.lua CMD [ARG]...
if #arg == 0 then
    io.stderr:write("usage: tiexec --script opens.lua CMD [ARG]...\n")
    return 2
end
local first <close>, why = tiexec.launch(arg)
if not first then
    io.stderr:write("opens.lua: ", why, "\n")
    return 127
end

local path_at, caught = { open = 1, openat = 2, openat2 = 2 }, {}
for name in pairs(path_at) do
    if tiexec.syscall_number(name) then caught[#caught + 1] = name end -- AArch64 has no open
end
assert(first:catch_syscalls(caught)) -- all other calls run at full speed

local processes, paths, status = { [first] = first }, {}, 0
first:cont()
while next(processes) do
    local inferior, event = assert(tiexec.wait_any(processes))
    if event.reason == "syscall-entry" then
        local at = path_at[tiexec.syscall_name(event.syscall)]
        paths[event.thread] = inferior:read_string(event.arguments[at]) or "(not mapped)"
    elseif event.reason == "syscall-return" then
        local result = event.result < 0 and tiexec.errno_name(-event.result) or event.result
        io.stderr:write(("%d %s = %s\n"):format(event.thread, paths[event.thread], result))
    elseif event.child then
        local child = inferior:adopt(event.child)
        if child then processes[child] = child:cont() and child end
    elseif event.reason:find("^exited") then
        processes[inferior] = nil
        if inferior == first then status = event.exit_code or 128 + event.signal end
    end
    if processes[inferior] then inferior:cont() end
end
return status
