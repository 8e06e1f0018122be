-- SPDX-License-Identifier: Apache-2.0
-- An output handler for busted, for long runs: a line for each file as soon as it has ended, with the seconds
-- that it took, and what failed or was left out there; then busted's own summary.

local busted = require "busted"
local core = require "tiexec.core"

local function text_of(message)
    if type(message) == "string" then return message end
    return message == nil and "no reason given" or require "pl.pretty".write(message)
end

-- Prints and forgets what a list of the handler's has got since it was last asked for.
local function tell(what, list)
    local count = #list
    for i = 1, count do
        io.write(("%s %s\n    %s\n"):format(what, list[i].name, (text_of(list[i].message):gsub("\n", "\n    "))))
        list[i] = nil
    end
    return count
end

return function(options)
    options.deferPrint = true -- no dots
    local handler = require "busted.outputHandlers.plainTerminal"(options)
    local begun, passed = core.now(), 0

    busted.subscribe({ "file", "end" }, function(file)
        local now, successes = core.now(), handler.successesCount
        local failed = tell("FAILED", handler.failures) + tell("ERROR", handler.errors)
        local left_out = tell("left out:", handler.pendings)
        io.write(("%s: %d passed, %d failed, %d left out, %.0f s\n")
            :format(file.name, successes - passed, failed, left_out, now - begun))
        io.flush()
        begun, passed = now, successes
        return nil, true
    end)
    return handler
end
