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

inferior:pass_signals(true)
local entry = inferior:auxv().AT_ENTRY -- by then there are libraries; a static program has none
if inferior:read_register("pc") ~= entry then inferior:advance(entry) end
local event, lacks = inferior:advance(arg[1])
if not event or event.reason ~= "breakpoint-hit" then
    io.stderr:write(("changes.lua: %s: %s\n"):format(arg[1], lacks or "it was not called"))
    inferior:kill()
    return 1
end
local ranges, sp = {}, inferior:read_register("sp")
for _, m in ipairs(inferior:mappings()) do -- what calls leave on the stack is of no interest
    if m.perms == "rw-p" and not (sp >= m.start and sp < m.stop) then ranges[#ranges + 1] = m end
end
-- The kernel writes to one place of its own accord: struct rseq, which holds the number of the CPU.
local offset, registers = inferior:symbol("__rseq_offset"), inferior:registers("all") -- glibc 2.35
local rseq = offset and (registers.fs_base or registers.tpidr) + inferior:read_u64(offset) or 0
local before <close> = assert(inferior:snapshot(ranges))
inferior:advance(inferior:backtrace()[2].pc)
for _, range in ipairs(before:differences(8)) do
    for at = range.start, range.stop - 8, 8 do
        if at ~= rseq then
            print(("%#x %-24s %016x -> %016x"):format(at, inferior:symbolize(at) or "",
                string.unpack("j", before:read(at, 8)), inferior:read_u64(at)))
        end
    end
end
inferior:kill()
