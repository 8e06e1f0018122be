-- SPDX-License-Identifier: Apache-2.0
--- The tracer's main loop. A family is the program that was started and, with `--follow` fork or
-- all, the processes that descend from it. Each member is followed from stage to stage (see
-- stages.lua) until it is let go or ends.

local core = require "tiexec.core"
local following = require "tiexec.start.following"
local inferiors = require "tiexec.harness.inferiors"
local message = require "tiexec.base.message"
local seccomp = require "tiexec.harness.seccomp"
local stages = require "tiexec.start.stages"
local watching = require "tiexec.start.watching"

local c = core.constants
local family = {}

local STOP_MS <const> = 2000 -- for all threads of a member to stop

-- `runs` has each member's run, and `inferiors` each member's inferior, both by process id.
-- `watching` is the watch that takes over from the tracer, if that is asked for.
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

-- Calls a method of a run. An internal error there ends the work on this member alone: the member
-- and all others run on. Returns the method's result, or false.
local function guarded(run, method, ...)
    local ok, result, why = xpcall(method, debug.traceback, run, ...)
    if not ok then run:abandon(message.of_error(result)) end
    return ok and result, why
end

-- Handles an event of one member, and sets the member going again or lets it go.
function Family:handle(run, event)
    if event.reason:find("^exited") then return self:remove(run) end
    core.lend_messages(run.inferior:pid())
    local child = guarded(run, run.handle, event)
    if child then self:add(child) end
    if run.is_waiting then core.leave_messages() end -- it may close its own from now on
    if not run.done then
        local ok, why = guarded(run, run.resume)
        if not ok and not run.done then run:abandon(why) end
    end
    if run.done then self:let_go(run) end
    if run.is_waiting and not run.done then self.watching:begin(run) end
end

-- Lets a member go, and waits here for the libraries that it loads, if that is asked for and no
-- other member has to be waited for.
function Family:let_go(run)
    run:release()
    core.leave_messages()
    self.watching:begin(run)
    self.watching:take(run)
    if run.follower and not next(self.runs, next(self.runs)) then
        run.follower:run(following.seconds(run:follow_settings()))
    end
    self:remove(run)
end

-- Lets go of the members that are only traced because there was no watch yet, once it stands.
function Family:hand_over()
    local _, any = next(self.runs)
    if any then self.watching:settle(any) end
    for _, run in pairs(self.runs) do
        if self.watching:replaces(run) and run.inferior:interrupt(STOP_MS) then
            self:let_go(run)
        end
    end
end

-- Lets go of the member whose inferior cannot be waited for; of all, if it is not known which.
function Family:give_up(inferior, why)
    local lost = inferior and { self.runs[inferior:pid()] } or self.runs
    for _, run in pairs(lost) do
        run:abandon(why)
        self:let_go(run)
    end
end

--- Follows a program until nothing is left to follow.
-- @tparam Inferior inferior seized and running, about to exec the program
-- @string name of the program, for messages
-- @tparam Settings given the settings of the command line and the environment
function family.run(inferior, name, given)
    local self = setmetatable({ runs = {}, inferiors = {}, watching = watching.new() }, Family)
    seccomp.note_heir(inferior) -- it was this very process before it split
    self:add(stages.start(inferior, name, given))
    while next(self.runs) do
        local turn = self.watching:turn()
        local stopped, event, errno, failed = inferiors.wait_any(self.inferiors, turn)
        if stopped then
            self:handle(self.runs[stopped:pid()], event)
        elseif errno ~= c.ETIMEDOUT then
            self:give_up(failed, event) -- here it is a message
        end
        self:hand_over()
    end
    self.watching:run()
end

return family
