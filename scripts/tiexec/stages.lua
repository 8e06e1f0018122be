-- SPDX-License-Identifier: Apache-2.0
--- The tracer's side: follows the inferior from stage to stage, and leaves it.
--
-- exec: execve has finished, and nothing of the program has run: it may be moved. entry: its libraries
-- are mapped and relocated, and its text is remapped. After that the program runs untraced; with
-- `--follow=dlopen` it is watched (see dlopen.lua), and with `--follow=exec` a program without text for huge
-- pages stays traced until it execs another.

local align = require "tiexec.align"
local core = require "tiexec.core"
local entry = require "tiexec.entry"
local message = require "tiexec.message"
local steer = require "tiexec.steer"
require "tiexec.inferior"

local c = core.constants
local stages = {}

local FAILED <const> = 125

local Run = {}
Run.__index = Run

-- Ends the inferior in place of its program.
function Run:quit(code)
    if not self.inferior:remote_syscall("exit_group", code) then self.inferior:kill() end
    self.follower = nil
    self.done = true
end

-- Ends the work with one line, if there is something to tell. With `strict` the program ends with it.
function Run:finish(complaint, strict)
    if complaint and strict then
        message.say("%s: not started: %s", self.name, complaint)
        return self:quit(FAILED)
    end
    if complaint then message.say("%s: %s", self.name, complaint) end
    self.done = true
end

-- Nothing could be done at all.
function Run:give_up(why, strict)
    if self.options.report_file then
        require "tiexec.report".write_failure(self.options.report_file, self.name, why)
    end
    return self:finish(strict and why or "runs on small pages: " .. why, strict)
end

-- The settings in force. They depend on the executable; so an exec forgets them.
function Run:choose_settings()
    self.chosen = self.chosen or require "tiexec.remap".choose(self.inferior, self.name, self.options)
    return self.chosen
end

-- The only moment to move an executable. Only those with text enough to gain by it are looked into.
function Run:align()
    local wanted = align.wanted(self.inferior)
    local chosen = wanted and self:choose_settings()
    if not wanted or chosen.align == false or chosen.wrong then return true end
    local ok, why = align.move(self.inferior, wanted, require "tiexec.remap".syscall_trace(chosen))
    self.unmoved = not ok and "not moved to a congruent base: " .. tostring(why) or nil
    return ok or not chosen.strict, self.unmoved
end

-- Whether libraries are to be put where their files' pages can be huge: where the kernel does not do it.
function Run:steers()
    return steer.is_needed(self.inferior) and self:choose_settings().align ~= false
end

-- What a script has become is told of by its own name.
function Run:rename()
    local path = core.readlink(("/proc/%d/exe"):format(self.inferior:pid()))
    self.name = path and path:match("[^/]*$") or self.name
end

function Run:at_exec()
    if self.awaiting then
        self:rename()
        self.inferior:exit_kill(true)
    end
    self.awaiting = nil
    local _, _, errno = self.inferior:read_register("pc")
    if errno == c.ENOEXEC then return self:give_up("it is a 32-bit program", self.options.strict) end
    self.chosen = nil
    local ok, why = self:align()
    if not ok then return self:give_up(why, true) end
    self.entry, why = entry.arrange(self.inferior)
    if not self.entry then return self:give_up(why, self.options.strict) end
    if self.entry.reached then return self:at_entry() end
    self.steering = self:steers() and steer.start(self.inferior) or nil
end

-- Notes what there is to know for following the program when it is let go.
function Run:prepare_to_follow(chosen)
    if not require "tiexec.strategy".plans_at(chosen.definition, "dlopen") then return end
    local why
    self.follower, why = require "tiexec.dlopen".prepare(self.inferior, self.name, chosen)
    if not self.follower then message.say("%s: libraries loaded later stay on small pages: %s", self.name, why) end
end

-- A program with nothing to gain, such as a shell, may yet become another by exec. It runs on under trace, but is
-- not to end with the tracer, and neither are its children traced.
function Run:await_exec()
    self.entry, self.steering, self.awaiting = nil, nil, true
    self.inferior:exit_kill(false)
end

function Run:at_entry()
    local chosen = self:choose_settings()
    local outcome, why = require "tiexec.remap".run(self.inferior, "entry", self.name, chosen)
    if not outcome then return self:give_up(why, chosen.strict) end
    if outcome.dry then return self:quit(0) end
    local follow = chosen.follow or {}
    if follow.exec and #outcome.results == 0 and #outcome.refused == 0 then return self:await_exec() end
    if follow.dlopen then self:prepare_to_follow(chosen) end
    return self:finish(outcome.complaint or self.unmoved, chosen.strict)
end

-- Only for its first moments is the dynamic linker watched, or, where its libraries must be steered, until it is
-- done.
function Run:watches_syscalls()
    return self.entry and not self.entry.reached and (self.entry.reading or self.steering)
end

function Run:at_syscall(event)
    if self.entry.reading then self.entry:at_syscall(event) end
    if self.steering then self.steering:at_syscall(event) end
end

-- Follows the inferior until it is done or gone. Signals, and threads that end, pass by: cont gives
-- signals back.
local function follow(run)
    while not run.done do
        local event, why = run.inferior:wait()
        if not event then return run:give_up(why, run.options.strict) end
        if event.reason:find("^exited") then return end
        if event.reason == "exec" then
            run:at_exec()
        elseif event.reason == "fork" then
            run.entry:release_child(event.child)
        elseif event.reason:find("^syscall") and run.entry then
            run:at_syscall(event)
        elseif run.entry and run.entry:is_reached(event) then
            run:at_entry()
        end
        if run.done then return end
        local ok
        ok, why = run.inferior:cont(run:watches_syscalls() and "syscall" or "freely")
        if not ok then return run:give_up(why, run.options.strict) end
        if run.entry and not run.entry.reading then -- while the linker is at work
            require "tiexec.remap".prepare(run:choose_settings())
        end
    end
end

--- Handles one program from its exec to its entry, lets it go, and follows it as the settings say.
-- Whatever fails, even here, the program runs on.
-- @param inferior seized and running, about to exec
-- @string name of the program, for messages
-- @tparam table options settings of the command line and the environment
function stages.run(inferior, name, options)
    local run = setmetatable({ inferior = inferior, name = name, options = options }, Run)
    local ok, why = xpcall(follow, debug.traceback, run)
    if not ok then run:give_up("internal error: " .. tostring(why), options.strict) end
    if run.entry then run.entry:cancel() end
    inferior:detach()
    if run.follower then run.follower:run() end
end

return stages
