-- SPDX-License-Identifier: Apache-2.0
--- How the work on one program ends: the process is let go, kept for what comes of it, or ended in
-- place of its program; and what is said of that. Methods of the Run of stages.lua.

local exit = require "tiexec.base.exit"
local following = require "tiexec.start.following"
local message = require "tiexec.base.message"
local telling = require "tiexec.start.telling"

local Run = {} -- its methods, in part

local STOP_MS <const> = 2000 -- for all threads to stop

-- Whether a program is ended for which nothing can be done.
function Run.is_strict(chosen) return chosen.strict or chosen.require ~= nil end

-- Ends the process, with an exit status, in place of its program.
function Run:quit(status)
    if not self.inferior:quit(status) then self.inferior:kill() end
    self.follower = nil
    self.done = true
end

-- Says one line, unless the same was said for another process of the family.
function Run:say(words)
    if (self.chosen or self.given).quiet then return end
    local line = ("%s: %s"):format(self.name, words)
    if not self.said[line] then (self.given.say or message.say)("%s", line) end
    self.said[line] = true
end

function Run:report_failure(why)
    self.failure = why
    if self.given.report_file then
        require "tiexec.show.report".write_failure(self.given.report_file, self.name, why)
    end
end

-- Ends a program that fails although `--strict` was given.
function Run:refuse(why)
    message.say("%s: not started: %s", self.name, why)
    return self:quit(exit.FAILED)
end

-- Ends the work on this program, and says the complaint if there is one. With `strict` a complaint
-- ends the program, too.
function Run:finish(complaint, strict, is_remapped)
    self.complaint = complaint
    if complaint and strict then return self:refuse(complaint) end
    if complaint then self:say(complaint) end
    self.has_complained = complaint ~= nil
    self:leave(is_remapped)
end

-- Ends the work on a program for which nothing could be done. A dry run does not run it.
function Run:give_up(why, strict)
    strict = strict or self.given["dry-run"]
    self:report_failure(why)
    return self:finish(strict and why or "runs on small pages: " .. why, strict, false)
end

--- Lets a process go after an error that makes further work impossible. With `--strict` and
-- `--dry-run` the process is ended instead, unless it was kept: such a process has long been
-- running.
-- @string why
function Run:abandon(why)
    self:report_failure(why)
    local is_conditional = Run.is_strict(self.given) or self.given["dry-run"]
    if is_conditional and not self.is_waiting then return self:refuse(why) end
    if not self.has_complained then self:say("runs on small pages: " .. why) end
    self.done = true
end

-- Keeps the process under trace until its next exec. Should the tracer be killed, the process
-- runs on.
function Run:keep()
    self.entry, self.steering, self.is_waiting = nil, nil, true
    self.inferior:exit_kill(false)
    self.inferior:follow_fork(self:follows_children())
    self.inferior:pass_signals(true)
end

-- For `--strict` and `--require`: finds out whether a program that had nothing to gain is to be
-- waited for. Gives why it must not run, since what is meant could not be had, or nil.
function Run:judge_meant()
    local pid = self.inferior:pid()
    self.is_between = telling.is_go_between(pid)
    if telling.is_linker(pid) then
        return "a dynamic linker: the program that it maps cannot be waited for"
    end
    local is_lost = self.is_first and not self.is_successor and not self.is_between
        and self.unwatched and telling.may_change(pid)
    return is_lost and "what it becomes, starts and loads would stay on small pages: "
        .. self.unwatched or nil
end

-- Ends the work on the program, and keeps the process if the settings say so. The program that was
-- started may be a tracer, which is remapped as it was asked for, but not kept.
function Run:leave(is_remapped)
    local follow = self:follow_settings()
    local why = follow.meant and not is_remapped and self:judge_meant()
    if why then return self:refuse(why) end
    if not is_remapped and self.is_first and not self.is_successor then
        telling.tell(self)
    end
    local is_wanted = following.keeps(follow, is_remapped, self.is_watched, self.is_between)
    local is_open = self:follows_children() or self.is_successor -- it may trace what it starts
    if is_wanted and not (is_open and telling.is_tracer(self.inferior:pid())) then
        local ok = self.inferior:interrupt(STOP_MS)
        if ok then return self:keep() end
    end
    self.done = true
end

-- Whether somebody has asked for what comes of the program to be followed.
function Run:is_followed()
    local follow = self:choose_settings().follow
    return follow ~= nil and not follow.none
end

-- Whether what stays on small pages is too little for a line, in a family that is followed.
function Run:is_minor(outcome)
    local chosen = self.chosen
    return self:is_followed() and not chosen.strict and not chosen.verbose
        and not require "tiexec.remap.stage".matters(outcome)
end

-- Whether it counts how much of the program's text is huge: it does not for the shell of a script
-- that is followed, or waited for, nor for small programs that it starts.
function Run:is_judged(has_gained)
    if has_gained or self:is_followed() then return has_gained end
    if not self:follow_settings().meant then return true end
    return self.is_first and not self.is_successor
        and not telling.is_go_between(self.inferior:pid())
end

return Run
