-- SPDX-License-Identifier: Apache-2.0
-- Programs under tiexec's own stages, but held at the entry point when these are done with them, to be
-- looked at. Nothing of the program itself runs, so any program will do.

local stages = require "tiexec.start.stages"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local at_entry = {}

-- The inferior for the stages, which have not seen its exec and are not to let it go.
local function held(inferior)
    local self = { detach = function() end }
    function self.wait()
        self.wait = nil
        return { reason = "exec" }
    end
    return setmetatable(self, { __index = function(_, name)
        return function(_, ...) return inferior[name](inferior, ...) end
    end })
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
    stages.run(held(inferior), words[1], settings)
    local report = json.decode(support.read_file(path) or "") or { error = "it ended before its entry point" }
    local result
    if report.error then why = report.error else result = look(inferior:pid(), report) end
    end_of(inferior)
    return result, why
end

return at_entry
