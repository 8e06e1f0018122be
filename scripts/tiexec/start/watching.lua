-- SPDX-License-Identifier: Apache-2.0
--- What `--follow=auto` adds to the tracer's main loop (family.lua): a watch over the family (see
-- watch/init.lua) takes the place of the tracer.
--
-- The kernel may take many milliseconds to open the first event of perf. A program with nothing to
-- gain stays traced until the watch stands, as with `--follow=fork`: it may have started another
-- one and ended by then. Others are let go at once.

local choice = require "tiexec.plan.choice"
local core = require "tiexec.core"
local following = require "tiexec.start.following"
local message = require "tiexec.base.message"

local watching = {}

local TURN_MS <const> = 3 -- between two looks whether the watch stands
local PATIENCE_S <const> = 5 -- until it counts as refused

-- The state: `watch`; `began`, when; `stands`, whether it does; `refused`, why there is none.
local Watching = {}
Watching.__index = Watching

-- Falls back on what there is without a watch, as `--follow=exec` has it: the program that was
-- started is traced until it has become one that is remapped. What it starts is let go. Where
-- nobody has asked for a watch, there is nothing more.
local function refuse(self, run, why)
    self.watch, self.refused = nil, why
    local is_default = following.is_default(run:follow_settings())
    if is_default and not run:choose_settings().verbose then return end
    local what = run.follower and "libraries are looked for once a second, what it starts is not"
        or "what it starts, and what that loads, is not seen"
    run:say(("%s: %s"):format(what, why))
end

local function begin(run)
    choice.prepare(run.chosen)
    return require "tiexec.watch".begin(run.inferior:pid(), run.chosen, run.given, run.said,
        following.seconds(run:follow_settings()))
end

--- Begins the watch for the family of the first program, if that is asked for and not done yet.
-- @tparam Run run its work at the stage entry is done
function Watching:begin(run)
    local is_asked_for = following.wants_watch(run:follow_settings())
    if self.watch or self.refused or not is_asked_for or run.chosen.wrong then return end
    if run.unwatched then return refuse(self, run, run.unwatched) end
    local ok, watch, why = pcall(begin, run)
    if not ok then why = message.of_error(watch) end
    self.watch = ok and watch or nil
    if not self.watch then return refuse(self, run, why) end
    self.began = core.now()
end

--- The milliseconds after which `settle` is to be called, whatever happens; nil: never.
function Watching:turn()
    return self.watch and not self.stands and TURN_MS or nil
end

--- Looks whether the watch stands by now.
-- @tparam Run run any
function Watching:settle(run)
    if not self.watch or self.stands then return end
    local stands, why = self.watch:stands(0)
    if not stands and not why and core.now() > self.began + PATIENCE_S then
        why = "the kernel opens no perf event"
    end
    if why then refuse(self, run, why) end
    self.stands = stands
end

--- Tells whether a run is only kept under trace because there was no watch yet.
-- @tparam Run run
-- @treturn boolean
function Watching:replaces(run)
    local follow = run:follow_settings()
    local is_settled = self.stands or self.refused
    if not is_settled or not following.wants_watch(follow) then return false end
    if follow.fork or run.is_between then return false end
    if run.is_first and (follow.exec or self.refused) then return false end
    run.is_watched = true
    return run.is_waiting or false
end

--- Takes in a process that was let go.
-- @tparam Run run
function Watching:take(run)
    if self.watch then self.watch:take(run.inferior:pid(), run.outcome) end
end

--- Follows the family, once nobody of it is traced any more.
function Watching:run()
    local deadline = core.now() + PATIENCE_S
    local stands, refused
    while self.watch and not stands do
        stands, refused = self.watch:stands(TURN_MS)
        local is_late = not stands and (core.now() > deadline or not self.watch:is_alive())
        if refused or is_late then return end
    end
    if self.watch then self.watch:run() end
end

function watching.new() return setmetatable({}, Watching) end

return watching
