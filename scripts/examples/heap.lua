-- SPDX-License-Identifier: Apache-2.0
-- Shows when a program's heap (brk) grows or shrinks, and who asks for that: the C library notes
-- where the heap ends in a variable, which is watched.
--   tiexec --script heap.lua CMD [ARG]...
if #arg == 0 then
    io.stderr:write("usage: tiexec --script heap.lua CMD [ARG]...\n")
    return 2
end
local inferior <close>, why = tiexec.launch(arg)
if not inferior then
    io.stderr:write("heap.lua: ", why, "\n")
    return 127
end

local entry = inferior:auxv().AT_ENTRY -- by then there are libraries; a static program has none
if inferior:read_register("pc") ~= entry then inferior:advance(entry) end
local watch <close>, lacks = inferior:watch("__curbrk", 8)
if not watch then
    io.stderr:write("heap.lua: ", lacks, "\n")
    inferior:kill()
    return 1
end

local event
repeat
    inferior:cont()
    event = assert(inferior:wait())
    if event.points and event.old ~= 0 and event.old ~= event.new then
        local callers = {}
        for i, frame in ipairs(inferior:backtrace(event.thread, { limit = 8 })) do
            callers[i] = frame.name or frame.text
        end
        io.stderr:write(("%+.1f KiB: "):format((event.new - event.old) / 1024),
            table.concat(callers, " < "), "\n")
    end
until event.reason:find("^exited")
return event.exit_code or 128 + event.signal
