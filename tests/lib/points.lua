-- SPDX-License-Identifier: Apache-2.0
-- The test program `points` under the harness, and what its specs do with it again and again.

local support = require "tests.lib.support"
local tiexec = require "tiexec"

local points = { program = support.programs .. "points" }

local addresses

--- The address of a symbol of the program, which lies where it is linked.
function points.address(symbol)
    if not addresses then
        addresses = {}
        for line in support.shell("nm " .. points.program).out:gmatch("[^\n]+") do
            local address, name = line:match("^(%x+) %a (.+)$")
            if name then addresses[name] = tonumber(address, 16) end
        end
    end
    return (assert(addresses[symbol], symbol))
end

--- The program at its entry point, started with some arguments. What it writes goes to /dev/null.
function points.start(...)
    local words = { "sh", "-c", 'exec "$0" "$@" >/dev/null', points.program }
    for _, word in ipairs { ... } do words[#words + 1] = tostring(word) end
    local inferior = assert(tiexec.launch(words))
    repeat
        inferior:cont()
        local event = assert(inferior:wait(10000))
        assert(not event.reason:find("^exited"), "it has ended")
    until event.reason == "exec"
    return inferior
end

--- Lets an inferior go on to its end. Gives how often each reason was told, and the last event. `each(event)` is called
-- at each event before the inferior goes on.
function points.run(inferior, each, how)
    local count = setmetatable({}, { __index = function() return 0 end })
    while true do
        assert(inferior:cont(how))
        local event = assert(inferior:wait(20000))
        count[event.reason] = count[event.reason] + 1
        if event.reason:find("^exited") then return count, event end
        if each then each(event) end
    end
end

--- The state of each thread of a process, as the kernel has it.
function points.states(pid)
    local states = {}
    for tid in support.shell("ls /proc/" .. pid .. "/task").out:gmatch("%d+") do
        local state = (support.read_file(("/proc/%d/task/%s/stat"):format(pid, tid)) or ""):match(".*%) (%a)")
        states[#states + 1] = state
    end
    return table.concat(states)
end

return points
