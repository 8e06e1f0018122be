-- SPDX-License-Identifier: Apache-2.0
--- The tracer's side: a program, and with `--follow` fork or all the processes that come of it, each followed from
-- stage to stage (see stages.lua) until it is let go or ends.

local inferiors = require "tiexec.harness.inferiors"
local stages = require "tiexec.start.stages"

local family = {}

-- Members by process id, and their inferiors likewise, as inferiors.wait_any takes them.
local Family = {}
Family.__index = Family

function Family:add(run)
    local pid = run.inferior:pid()
    self.runs[pid], self.inferiors[pid] = run, run.inferior
end

function Family:remove(run)
    local pid = run.inferior:pid()
    self.runs[pid], self.inferiors[pid] = nil, nil
    run.inferior:close()
end

-- Whatever goes wrong with one member, even here, it runs on, and so do the others.
local function guarded(run, step, ...)
    local ok, result, why = xpcall(step, debug.traceback, run, ...)
    if not ok then run:abandon("internal error: " .. tostring(result)) end
    return ok and result, why
end

function Family:take(run, event)
    if event.reason:find("^exited") then return self:remove(run) end
    local child = guarded(run, run.take, event)
    if child then self:add(child) end
    if not run.done then
        local ok, why = guarded(run, run.go_on)
        if not ok and not run.done then run:abandon(why) end
    end
    if run.done then self:let_go(run) end
end

-- Libraries are waited for by this process alone: so there is only one member then.
function Family:let_go(run)
    run:release()
    if run.follower then run.follower:run() end
    self:remove(run)
end

--- Follows a program until nothing is left to follow.
-- @param inferior seized and running, about to exec
-- @string name of the program, for messages
-- @tparam table options settings of the command line and the environment
function family.run(inferior, name, options)
    local self = setmetatable({ runs = {}, inferiors = {} }, Family)
    self:add(stages.start(inferior, name, options))
    while next(self.runs) do
        local which, event, _, failed = inferiors.wait_any(self.inferiors)
        if which then
            self:take(self.runs[which:pid()], event)
        else
            for pid, run in pairs(failed and { [failed:pid()] = self.runs[failed:pid()] } or self.runs) do
                run:abandon(event)
                self:let_go(self.runs[pid])
            end
        end
    end
end

return family
