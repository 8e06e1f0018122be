-- SPDX-License-Identifier: Apache-2.0
--- Shows on a terminal how far a comparison is, in one line that goes away at the end.

local core = require "tiexec.core"
local message = require "tiexec.base.message"

local progress = {}

local STANDARD_ERROR <const> = 2
local Progress = {}
Progress.__index = Progress

--- Begins. Where standard error is no terminal nothing is shown.
-- @treturn Progress
function progress.open()
    local is_shown = core.isatty(STANDARD_ERROR) and os.getenv("TERM") ~= "dumb"
    return setmetatable({ is_shown = is_shown }, Progress)
end

--- Shows what a comparison is at.
-- @string line
function Progress:say(line)
    if self.is_shown then message.write("\r\27[K" .. line) end
end

--- Shows how far the rounds are.
-- @tparam table rounds list of those so far
-- @number spent seconds so far
-- @number seconds that were asked for
function Progress:show(rounds, spent, seconds)
    self:say(("%d rounds, %.0f of %d s (^C ends it early)"):format(#rounds, spent, seconds))
end

--- Takes the line away.
function Progress:close() self:say("") end

return progress
