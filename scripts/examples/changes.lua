-- SPDX-License-Identifier: Apache-2.0
-- Shows what memory a function changes: all writable memory is compared before and after a call.
--   tiexec --script changes.lua FUNCTION CMD [ARG]...
if #arg < 2 then
    io.stderr:write("usage: tiexec --script changes.lua FUNCTION CMD [ARG]...\n")
    return 2
end
local inferior <close>, why = tiexec.launch { table.unpack(arg, 2) }
if not inferior then
    io.stderr:write("changes.lua: ", why, "\n")
    return 127
end
local function run_to(place)
    local stop <close>, lacks = inferior:breakpoint(place)
    if not stop then return nil, lacks end
    inferior:cont()
    return inferior:wait().reason == "breakpoint-hit", "it was not called"
end
inferior:pass_signals(true)
local entry = inferior:auxv().AT_ENTRY -- where the libraries are there
if inferior:read_register("pc") ~= entry then run_to(entry) end
local called, never = run_to(arg[1])
if not called then
    io.stderr:write(("changes.lua: %s: %s\n"):format(arg[1], never))
    inferior:kill()
    return 1
end
local ranges, sp = {}, inferior:read_register("sp")
for _, m in ipairs(inferior:mappings()) do -- what calls leave on the stack is of no interest
    if m.perms == "rw-p" and not (sp >= m.start and sp < m.stop) then ranges[#ranges + 1] = m end
end
local before <close> = assert(inferior:snapshot(ranges))
run_to(inferior:backtrace()[2].pc)
for _, range in ipairs(before:differences(8)) do
    for at = range.start, range.stop - 8, 8 do
        print(("%#x %-24s %016x -> %016x"):format(at, inferior:symbolize(at) or "",
            string.unpack("j", before:read(at, 8)), inferior:read_u64(at)))
    end
end
inferior:kill()
