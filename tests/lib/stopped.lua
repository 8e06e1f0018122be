-- SPDX-License-Identifier: Apache-2.0
-- For specs of the harness: programs that are stopped at a function.

local tiexec = require "tiexec"

local stopped = {}

local WAIT_MS <const> = 20000

--- Lets an inferior run to an address. Signals on the way are given back.
function stopped.run_to(inferior, address)
    local breakpoint <close> = assert(inferior:breakpoint(address, "hardware"))
    local event
    repeat
        assert(inferior:cont())
        event = assert(inferior:wait(WAIT_MS))
    until event.reason == "breakpoint-hit" or event.reason:find("^exited")
    assert(event.reason == "breakpoint-hit", "it has ended on the way")
end

--- Starts a program and lets it run to its entry point. To be closed with `stopped.finish`.
function stopped.at_entry(words)
    local inferior = assert(tiexec.launch(words))
    local entry = inferior:auxv().AT_ENTRY
    if inferior:read_register("pc") ~= entry then stopped.run_to(inferior, entry) end -- a static program is there
    return inferior
end

--- Starts a program and lets it run to one of its functions.
function stopped.at(name, words)
    local inferior = stopped.at_entry(words)
    stopped.run_to(inferior, assert(inferior:symbol(name)))
    return inferior
end

--- Kills an inferior and takes in its end.
function stopped.finish(inferior)
    inferior:kill()
    repeat
        local event = inferior:wait(WAIT_MS)
    until not event or event.reason:find("^exited")
    inferior:close()
end

--- Lets an inferior run to its end, and gives the last event.
function stopped.run_out(inferior)
    local event
    repeat
        assert(inferior:cont())
        event = assert(inferior:wait(WAIT_MS))
    until event.reason:find("^exited")
    return event
end

return stopped
