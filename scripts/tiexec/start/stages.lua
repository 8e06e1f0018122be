-- SPDX-License-Identifier: Apache-2.0
--- The tracer's side for one program: from stage to stage, and then let go or kept, as the settings say.
--
-- exec: execve has finished, and nothing of the program has run: it may be moved. entry: its libraries
-- are mapped and relocated, and its text is remapped. After that the program runs untraced; with
-- `--follow=dlopen` it is watched (see dlopen.lua). With `--follow` exec, fork or all it may stay traced, for what
-- it will become or start (see family.lua).

local choice = require "tiexec.plan.choice"
local core = require "tiexec.core"
local debug_lines = require "tiexec.show.debug"
local entry = require "tiexec.harness.entry"
local exit = require "tiexec.base.exit"
local images = require "tiexec.harness.images"
local message = require "tiexec.base.message"
local privilege = require "tiexec.start.privilege"
local relocate = require "tiexec.start.relocate"
local seccomp = require "tiexec.harness.seccomp"
local stage = require "tiexec.remap.stage"
local steer = require "tiexec.start.steer"

local c = core.constants
local stages = {}

local STOP_MS <const> = 2000
local MUCH_TEXT <const> = 2 << 20

local Run = {}
Run.__index = Run

-- Ends the inferior in place of its program.
function Run:quit(code)
    if not self.inferior:remote_syscall("exit_group", code) then self.inferior:kill() end
    self.follower = nil
    self.done = true
end

-- One line, for a whole family once.
function Run:say(text)
    local line = ("%s: %s"):format(self.name, text)
    if not self.said[line] then message.say("%s", line) end
    self.said[line] = true
end

function Run:report_failure(why)
    if self.options.report_file then
        require "tiexec.show.report".write_failure(self.options.report_file, self.name, why)
    end
end

-- Ends the work on this program with one line, if there is something to tell. With `strict` it ends, too.
function Run:finish(complaint, strict, remapped)
    if complaint and strict then
        message.say("%s: not started: %s", self.name, complaint)
        return self:quit(exit.FAILED)
    end
    if complaint then self:say(complaint) end
    self:leave(remapped)
end

-- Nothing could be done to this program.
function Run:give_up(why, strict)
    self:report_failure(why)
    return self:finish(strict and why or "runs on small pages: " .. why, strict, false)
end

--- Nothing more can be done at all: whatever the settings, it is to be let go.
function Run:abandon(why)
    self:report_failure(why)
    if self.options.strict and not self.awaiting then -- one that was kept has long been under way
        message.say("%s: not started: %s", self.name, why)
        return self:quit(exit.FAILED)
    end
    self:say("runs on small pages: " .. why)
    self.done = true
end

-- The settings in force. They depend on the executable; so an exec forgets them.
function Run:choose_settings()
    self.chosen = self.chosen or choice.of(self.inferior, self.name, self.options)
    return self.chosen
end

-- The only moment to move an executable. Only those with text enough to gain by it are looked into.
function Run:align(mappings)
    local wanted = relocate.wanted(self.inferior)
    local chosen = wanted and self:choose_settings()
    if not wanted or chosen.align == false or chosen.wrong then return true end
    if self.kept and seccomp.is_unknown(self.inferior:pid()) then return true end -- which the sources tell of
    local ok, why = relocate.move(self.inferior, wanted, mappings, debug_lines.syscall_trace(chosen))
    self.unmoved = not ok and "not moved to a congruent base: " .. tostring(why) or nil
    return ok or not chosen.strict, self.unmoved
end

-- Whether libraries are to be put where their files' pages can be huge: where the kernel does not do it.
function Run:steers()
    return self:choose_settings().align ~= false and steer.is_needed(self.inferior, self.entry.linker)
end

-- What needs no stopped program: done while it runs, after its first system call. There the dynamic linker asks the
-- processor what it can, which takes long in a virtual machine (each cpuid is the host's to answer).
function Run:prepare()
    if self.prepared or self.entry.reading and (self.entry.stops or 0) < 2 then return end
    self.prepared = true
    if self.entry.linker then images.of(self.entry.linker) end
    self.steering = self:steers() and steer.start(self.inferior) or nil
    choice.prepare(self:choose_settings())
end

-- What a script has become, or a child, is told of by its own name.
function Run:rename()
    local path = core.readlink(("/proc/%d/exe"):format(self.inferior:pid()))
    self.name = path and path:match("[^/]*$") or self.name
end

-- A debugger or tracer, tiexec itself among them, could not trace what it starts if that were traced from here.
local function is_tracer(inferior)
    return core.imports(("/proc/%d/exe"):format(inferior:pid()), "ptrace")
end

-- Takes hold of what a program has become that was kept, or that had not come to its entry point. false: it is let
-- go, as a tracer, or to be exec'd anew with its rights.
function Run:take_hold()
    if is_tracer(self.inferior) then
        self.done = true
        return false
    end
    self:rename()
    local mended, lost = privilege.restore(self.inferior)
    if lost then self:say(lost) end
    self.done = mended
    if mended then return false end
    self.inferior:exit_kill(true)
    self.inferior:pass_signals(false)
    self.awaiting, self.unmoved, self.kept = nil, nil, true
    return true
end

function Run:at_exec()
    local is_first = not (self.awaiting or self.entry)
    self.entry, self.prepared, self.steering = nil, nil, nil -- of an address space that is gone
    if not is_first and not self:take_hold() then return end
    self.chosen = nil
    local _, _, errno = self.inferior:read_register("pc")
    if errno == c.ENOEXEC then return self:give_up("it is a 32-bit program", self.options.strict) end
    local mappings = self.inferior:mappings() or {}
    local ok, why = self:align(mappings)
    if not ok then return self:give_up(why, true) end
    self.entry, why = entry.arrange(self.inferior, mappings)
    if not self.entry then return self:give_up(why, self.options.strict) end
    if self.entry.reached then return self:at_entry() end
    if not self.entry.reading then self:prepare() end -- its system calls are watched only if it is to be steered
end

-- Notes what there is to know for following the program when it is let go.
function Run:prepare_to_follow(chosen)
    if not require "tiexec.plan.strategy".plans_at(chosen.definition, "dlopen") then return end
    local why
    self.follower, why = require "tiexec.start.dlopen".prepare(self.inferior, self.name, chosen)
    if not self.follower then message.say("%s: libraries loaded later stay on small pages: %s", self.name, why) end
end

function Run:follow_settings()
    return self:choose_settings().follow or {}
end

function Run:follows_children()
    local follow = self:follow_settings()
    return follow.fork or follow.all or false
end

-- A program with nothing to gain, such as a shell, may yet become another by exec, or start some. So it runs on
-- under trace; but it is not to end with the tracer.
function Run:keep()
    self.entry, self.steering, self.awaiting = nil, nil, true
    self.inferior:exit_kill(false)
    self.inferior:follow_fork(self:follows_children())
    self.inferior:pass_signals(true)
end

-- Nothing is left to be done to the program that it is now.
function Run:leave(remapped)
    local follow = self:follow_settings()
    if follow.all or (follow.exec or follow.fork) and not remapped then
        local ok = self.inferior:interrupt(STOP_MS)
        if ok then return self:keep() end
    end
    self.done = true
end

-- Whether it is a program that has something to gain, and no start script's shell, which may get smaller pages, too.
local function has_gained(outcome)
    for _, result in ipairs(outcome.results) do
        if result.stop - result.start >= MUCH_TEXT then return true end
    end
    return #outcome.refused > 0
end

function Run:at_entry()
    local chosen = self:choose_settings()
    local outcome, why = stage.run(self.inferior, self.name, chosen, { stage = "entry" })
    if not outcome then return self:give_up(why, chosen.strict) end
    if outcome.dry then return self:quit(0) end
    if self:follow_settings().dlopen then self:prepare_to_follow(chosen) end
    return self:finish(outcome.complaint or self.unmoved, chosen.strict,
        has_gained(outcome))
end

-- It has started a process. Returns what that is to be followed by, or nil: it is let go.
function Run:at_fork(event)
    local child = self.inferior:adopt(event.child)
    if not child then return nil end
    if self.entry and event.reason == "fork" then self.entry:mend_child(child) end
    if not self:follows_children() then
        child:close()
        return nil
    end
    child:exit_kill(false)
    child:follow_fork(true)
    child:pass_signals(true)
    child:cont()
    return setmetatable({ inferior = child, name = self.name, options = self.options, said = self.said,
        chosen = self.chosen, awaiting = true }, Run)
end

-- Only for its first moments is the dynamic linker watched, or, where its libraries must be steered, until it is
-- done.
local function watches_syscalls(run)
    return run.entry and not run.entry.reached and (run.entry.reading or run.steering)
end

function Run:at_syscall(event)
    if self.entry.reading then self.entry:at_syscall(event) end
    if self.steering then self.steering:at_syscall(event) end
end

--- Takes in an event, with the inferior stopped. Signals, and threads that end, pass by: cont gives signals
-- back.
-- @treturn[1] table what a process that it has started is to be followed by
-- @treturn[2] nil
function Run:take(event)
    local child
    if event.reason == "exec" then
        self:at_exec()
    elseif event.reason == "fork" or event.reason == "vfork" then
        child = self:at_fork(event)
    elseif event.reason:find("^syscall") and self.entry then
        self:at_syscall(event)
    elseif self.entry and self.entry:is_reached(event) then
        self:at_entry()
    end
    return child
end

--- Sets it going again.
-- @treturn[1] boolean true
-- @treturn[2] nil, string why it cannot
function Run:go_on()
    local ok, why = self.inferior:cont(watches_syscalls(self) and "syscall" or "freely")
    if not ok then return nil, why end
    if self.entry then self:prepare() end
    return true
end

--- Lets it go.
function Run:release()
    if self.entry then self.entry:cancel() end
    self.inferior:detach()
end

--- A program that is about to be exec'd, to be given its events.
-- @param inferior seized and running
-- @string name of the program, for messages
-- @tparam table options settings of the command line and the environment
function stages.start(inferior, name, options)
    choice.expect(options) -- while the target execs
    return setmetatable({ inferior = inferior, name = name, options = options, said = {} }, Run)
end

return stages
