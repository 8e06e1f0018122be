-- SPDX-License-Identifier: Apache-2.0
-- How the tests tell what they came to: an output handler for busted. When a spec file has ended it
-- prints what failed and what was skipped there, then one line for the file with the seconds that it
-- took; busted's own summary comes last. tests/vm/suite, tests/tools/skips and .ci/run read these lines.

local busted = require "busted"
local core = require "tiexec.core"

local host = core.host()
local where = ("%s, Linux %s"):format(host.arch, host.kernel)

local function text_of(message)
    if type(message) == "string" then return message end
    return message == nil and "no reason given" or require "pl.pretty".write(message)
end

-- Prints what failed or raised an error, and forgets it: busted would print it again at the end.
local function tell(what, list)
    for i, found in ipairs(list) do
        local text = text_of(found.message)
        local trace = found.trace and found.trace.traceback or ""
        text = (text .. "\n" .. trace):gsub("%s+$", ""):gsub("\n", "\n    ")
        io.write(("%s %s\n    %s\n"):format(what, found.name or "?", text))
        list[i] = nil
    end
end

-- One line for each test that was skipped, with its reason.
local function tell_skipped(file, list)
    for i, found in ipairs(list) do
        local reason = text_of(found.message):gsub("%s+", " ")
        io.write(("skipped (%s): %s: %s: %s\n"):format(where, file, found.name, reason))
        list[i] = nil
    end
end

return function(options)
    options.deferPrint = true -- no dots
    local handler = require "busted.outputHandlers.plainTerminal"(options)
    local begun, passed = core.now(), 0

    busted.subscribe({ "file", "end" }, function(file)
        local now, successes = core.now(), handler.successesCount
        local failed, skipped = #handler.failures + #handler.errors, #handler.pendings
        tell("FAILED", handler.failures)
        tell("ERROR", handler.errors)
        tell_skipped(file.name, handler.pendings)
        io.write(("%s: %d passed, %d failed, %d skipped, %.0f s\n")
            :format(file.name, successes - passed, failed, skipped, now - begun))
        io.flush()
        begun, passed = now, successes
        return nil, true
    end)
    return handler
end
