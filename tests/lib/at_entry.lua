-- SPDX-License-Identifier: Apache-2.0
-- For tests/tools/coverage: programs that are taken through tiexec's own stages, and looked at when they stand at
-- their entry point. Nothing of such a program itself runs, so any program will do.

local stages = require "tiexec.start.stages"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local at_entry = {}

-- Takes a program, which has just been exec'd, through its stages; it is not let go.
local function go_through(inferior, name, settings)
    local run = stages.start(inferior, name, settings)
    local event = { reason = "exec" }
    repeat
        run:handle(event)
        if run.done then return end
        assert(run:resume())
        event = inferior:wait(10000)
    until not event or event.reason:find("^exited")
end

local function end_of(inferior)
    inferior:kill()
    repeat local event = inferior:wait(5000) until not event or event.reason:find("^exited")
end

--- Starts a program, and gives what `look` says of its process id and of tiexec's report.
-- @tparam table words
-- @tparam table options tiexec's settings
-- @func look
-- @treturn[1] what `look` gives
-- @treturn[2] nil, string why the entry point was not reached
function at_entry.look(words, options, look)
    local json = require "dkjson"
    local folder <close> = support.folder()
    local path = folder.path .. "/report"
    local inferior <close>, why = tiexec.launch(words)
    if not inferior then return nil, why end
    local settings = { report_file = assert(io.open(path, "w")) }
    for name, value in pairs(options) do settings[name] = value end
    go_through(inferior, words[1], settings)
    local report = json.decode(support.read_file(path) or "") or { error = "it ended before its entry point" }
    local result
    if report.error then why = report.error else result = look(inferior:pid(), report) end
    end_of(inferior)
    return result, why
end

return at_entry
