-- SPDX-License-Identifier: Apache-2.0
-- Measures how long a program takes from its exec to its entry point, which is what its dynamic
-- linker and the constructors of its libraries take, and from there to main:
--   tiexec --script entry.lua CMD [ARG]...
if #arg == 0 then
    io.stderr:write("usage: tiexec --script entry.lua CMD [ARG]...\n")
    return 2
end
local RUNS <const> = 11

-- Milliseconds until the program comes to an address; nil: it has none, or ends before. Arming a
-- debug register would take long.
local function time_to(inferior, place)
    if place == inferior:read_register("pc") then return 0.0 end -- it is static
    local stop <close> = place and inferior:breakpoint(place, "software")
    if not stop then return nil end
    local before = tiexec.now()
    inferior:cont()
    if inferior:wait().reason ~= "breakpoint-hit" then return nil end
    return (tiexec.now() - before) * 1000
end

local times = { entry = {}, main = {} }
for _ = 1, RUNS do
    local inferior <close>, why = tiexec.launch { arg, stdout = false, stderr = false }
    if not inferior then
        io.stderr:write("entry.lua: ", why, "\n")
        return 127
    end
    inferior:pass_signals(true)
    table.insert(times.entry, time_to(inferior, inferior:auxv().AT_ENTRY))
    table.insert(times.main, time_to(inferior, inferior:symbol("main")))
    inferior:kill()
end
for _, name in ipairs { "entry", "main" } do
    local list = times[name]
    table.sort(list)
    local median, least, most = list[(#list + 1) // 2], list[1], list[#list]
    print(name, median and ("%.2f ms (%.2f to %.2f)"):format(median, least, most) or "not known")
end
