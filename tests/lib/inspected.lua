-- SPDX-License-Identifier: Apache-2.0
-- For the specs of --inspect: processes to look at, and what it says of one.

local assert = require "luassert"
local core = require "tiexec.core"
local json = require "dkjson"
local support = require "tests.lib.support"

local inspected = {}

--- The JSON of a run that went well.
function inspected.decode(result)
    assert.equal("", result.err)
    assert.equal(0, result.code)
    local value, _, why = json.decode(result.out)
    return assert(value, why)
end

--- What it says of a process.
function inspected.inspect(pid, ...)
    return inspected.decode(support.run_tiexec { "--json", "--inspect", tostring(pid), ... })
end

--- Starts a program, under tiexec if there are options, and waits until it is that program, at rest. One that is
-- started without tiexec has no huge pages.
function inspected.start(program, options)
    local words = { "env", "TIEXEC=", program, "wait" }
    if options then
        words = table.move(options, 1, #options, 4, { "env", "TIEXEC=", support.tiexec })
        table.move({ program, "wait" }, 1, 2, #words + 1, words)
    end
    local process = support.start(words)
    assert.is_truthy(support.wait_for(function()
        local exe = core.readlink(("/proc/%d/exe"):format(process.pid)) or ""
        local asleep = (support.read_file(("/proc/%d/stat"):format(process.pid)) or ""):match("%) S ")
        return asleep and exe:match("[^/]*$") == program:match("[^/]*$")
            and core.status(process.pid, "TracerPid") == 0
    end, 60))
    if options or not support.is_congruent(process.pid) then return process end
    process:stop("KILL")
    return inspected.start(program)
end

return inspected
