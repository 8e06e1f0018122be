-- SPDX-License-Identifier: Apache-2.0
--- Follows one program from stage to stage. This is the tracer's work on one process.
--
-- Stage exec: execve has finished, and nothing of the program has run. Its executable may be
-- moved. Stage entry: its libraries are mapped and relocated. Its text is remapped. After that
-- the program runs untraced; with `--follow=dlopen` it is watched (see dlopen.lua). With
-- `--follow` exec, fork or all it may stay traced, for the programs that it becomes or starts
-- (see family.lua).

local ahead = require "tiexec.start.ahead"
local choice = require "tiexec.plan.choice"
local codes = require "tiexec.base.codes"
local congruent = require "tiexec.plan.congruent"
local core = require "tiexec.core"
local early = require "tiexec.start.early"
local ending = require "tiexec.start.ending"
local entry = require "tiexec.harness.entry"
local following = require "tiexec.start.following"
local images = require "tiexec.harness.images"
local message = require "tiexec.base.message"
local seccomp = require "tiexec.harness.seccomp"
local strategy = require "tiexec.plan.strategy"
local telling = require "tiexec.start.telling"
local text = require "tiexec.base.text"

local c = core.constants
local stages = {}

-- The program waits at its exec stop for the tracer: what is not needed there is loaded while it
-- runs on to its entry point.
local function get_stage() return require "tiexec.remap.stage" end
local ALL_SIGNALS <const> = -1

-- The state of the work on one process:
-- inferior, name    the process, and how messages name its program
-- given             the settings of the command line and the environment
-- chosen            the settings in force for its program, once they are needed
-- said              the lines that were said already; the whole family shares this table
-- entry, steering   how its entry point is waited for, and how its libraries are placed
-- notes             what is done to it at its exec stop, to be kept for the next start
-- image             the headers of its executable, if they could be read
-- is_first          tiexec has started this process
-- is_prepared       `prepare` has been done for its program
-- is_waiting        it is kept under trace, and nothing happens before its next exec
-- is_successor      its program is another one than tiexec has started
-- unmoved           why its executable was not moved to a congruent base
-- is_alone          what comes of the program is followed by nobody, if that is not asked for
-- follower          watches for libraries once the process is let go
-- unwatched         why the kernel does not tell what its family does, if that is asked for;
--                   `refused`: the same once it was looked for, or false
-- has_complained    a line has said what has failed for its program
-- outcome           what has come of its program's text, and `complaint`, what is wrong with that
-- failure           why nothing could be done for its program
-- done              nothing is left to do: it is to be let go
-- is_between        what its program becomes is waited for: a shell, by `--strict` or `--require`
-- is_watched        what it becomes, starts and loads is seen without a tracer from now on
local Run = {}
Run.__index = Run
for name, method in pairs(ending) do Run[name] = method end

-- The settings in force for the program that the process runs now.
function Run:choose_settings()
    self.chosen = self.chosen or choice.of(self.inferior, self.name, self.given)
    return self.chosen
end

-- Moves the executable to a congruent base if it has enough text to gain by that. Nothing of the
-- program has run yet, so this is the only moment at which it can be moved. Returns false and a
-- string if that failed and the settings are strict.
function Run:relocate(mappings)
    local wanted = congruent.wanted(self.inferior, self.image)
    local chosen = wanted and self:choose_settings()
    if not wanted or chosen.align == false or chosen.wrong then return true end
    -- A filter of the program's own may kill it for the system calls. The executor complains of
    -- that.
    if self.is_successor and seccomp.refusal(self.inferior) then return true end
    local trace = next(chosen.debug) and require "tiexec.show.debug".syscall_trace(chosen)
    local relocate, notes = require "tiexec.start.relocate", self.notes
    if notes then notes:expect_move(wanted) end
    local ok, why = relocate.move(notes and notes.hands or self.inferior, wanted, mappings, trace)
    self.unmoved = not ok and "not moved to a congruent base: " .. tostring(why) or nil
    return ok or not chosen.strict, self.unmoved
end

-- Whether tiexec must place the libraries, because the kernel does not place them congruently.
function Run:needs_steering()
    return core.huge_page_size() > 0 and self:choose_settings().align ~= false
        and require "tiexec.start.steer".is_needed(self.inferior, self.image, self.entry.linker)
end

-- Whether the program is likely to have text to remap: much of its own, or libraries beside the C
-- library.
function Run:is_large()
    if not self.image or self.image.needed > 1 then return true end
    local main = congruent.main_text(self.image)
    return main ~= nil and main.filesz >= core.huge_page_size()
end

-- Does the work that needs no stopped program, while the program runs to its entry point. Where
-- system calls are watched, the first one is the last moment: whether the next ones must be watched
-- is found out here.
function Run:prepare()
    if self.is_prepared or self.entry.reading and (self.entry.stops or 0) < 1 then return end
    self.is_prepared = true
    if self.entry.linker then images.of(self.entry.linker) end
    self.steering = self:needs_steering() and require "tiexec.start.steer".start(self.inferior)
        or nil
    choice.prepare(self:choose_settings())
    local stage = get_stage()
    if self:is_large() then stage.preload(self.chosen) end
    if following.wants_watch(self:follow_settings()) then self:watch_refusal() end
end

-- Names the process after the program that it runs now.
function Run:rename()
    local path = core.readlink(("/proc/%d/exe"):format(self.inferior:pid()))
    if path then self.name = text.basename(path) end
end

-- Begins the work on the program that a process has become by a later exec. Returns false if the
-- program must be let go: it is tiexec, or it execs itself again to have its privileges. One that
-- traces others is remapped, and let go then: nothing that it starts before that is traced.
function Run:begin_successor()
    if telling.is_itself(self.inferior:pid()) then
        self.done = true
        return false
    end
    self:rename()
    local restored, lost = require "tiexec.start.privilege".restore(self.inferior)
    if lost then self:say(lost) end
    if restored then
        self.done = true
        return false
    end
    self.inferior:exit_kill(true)
    self.inferior:pass_signals(false)
    self.is_waiting, self.unmoved, self.is_successor = nil, nil, true
    if telling.is_tracer(self.inferior:pid()) then self.inferior:follow_fork(false) end
    self.is_between = nil
    self.has_complained = nil
    return true
end

-- Stage exec.
function Run:at_exec()
    local is_first = not (self.is_waiting or self.entry)
    self.entry, self.is_prepared, self.steering = nil, nil, nil -- of an address space that is gone
    self.image = images.of(("/proc/%d/exe"):format(self.inferior:pid()))
    if not is_first and not self:begin_successor() then return end
    self.chosen, self.outcome = nil, nil
    local _, _, errno = self.inferior:read_register("pc")
    local is_strict = Run.is_strict(self.given)
    if errno == c.ENOEXEC then return self:give_up(codes.words("32-bit"), is_strict) end
    local mappings = self.inferior:mappings() or {}
    self.notes = self.given.is_plain and is_first and self.image
        and require "tiexec.start.noting".begin(self.inferior, self.image, mappings) or nil
    local ok, why = self:relocate(mappings)
    if not ok then return self:give_up(why, true) end
    if self:finish_early() then return end
    ahead.read(self.inferior, self.image, function() return self:choose_settings() end)
    self.entry, why = entry.arrange(self.inferior, mappings)
    if not self.entry then return self:give_up(why, is_strict) end
    if self.entry.reached then return self:at_entry() end
    -- Unless system calls are watched anyway, it is `prepare` that decides whether they must be.
    if not self.entry.reading then self:prepare() end
end

-- Says why the kernel will not tell what becomes of the program, or nil.
function Run:watch_refusal()
    if self.refused == nil then
        self.refused = require "tiexec.watch.permission".refusal() or false
    end
    return self.refused or nil
end

-- Notes what has to be known of the program now for watching it later.
function Run:prepare_to_follow(chosen)
    local follow = self:follow_settings()
    if following.wants_watch(follow) then
        self.unwatched = self:watch_refusal()
        if not self.unwatched or following.is_default(follow) then return end
    end
    if not strategy.plans_at(chosen.definition, "dlopen") then return end
    local why
    self.follower, why = require "tiexec.start.dlopen".prepare(self.inferior, self.name, chosen)
    if not self.follower and follow.dlopen then
        message.say("%s: libraries loaded later stay on small pages: %s", self.name, why)
    end
end

function Run:follow_settings()
    return following.of(self:choose_settings(), self.is_alone)
end

function Run:follows_children()
    return following.traces_children(self:follow_settings(), self.is_watched)
end

-- Does the work of the entry stage. Returns an outcome; or nil and why it could not be done. Before
-- AT_ENTRY is changed it tells the entry point.
function Run:remap(entry_point)
    local inferior = not entry_point and self.notes and self.notes.hands or self.inferior
    return get_stage().run(inferior, self.name, self:choose_settings(),
        { stage = "entry", entry = entry_point, is_new = self.given.is_in_question })
end

-- Does the work of the entry stage at the exec stop already, if nothing else will have huge text.
-- Returns false if that is not so, or if some text stays as it is: then all is done, and said, at
-- the entry point.
function Run:finish_early()
    if not early.is_possible(self) then return false end
    local outcome = self:remap()
    if not outcome or outcome.complaint or not get_stage().has_gained(outcome) then return false end
    if self.notes then self.notes:complete(outcome) end
    self:conclude(outcome)
    return true
end

-- Stage entry.
function Run:at_entry()
    local outcome, why = self:remap(self.entry.address)
    if not outcome then return self:give_up(why, Run.is_strict(self.chosen)) end
    return self:conclude(outcome)
end

-- Tells what has come of the entry stage, and does what follows from that.
function Run:conclude(outcome)
    local chosen, stage = self.chosen, get_stage()
    self.outcome = outcome
    if outcome.dry then return self:quit(0) end
    stage.tell(self.inferior, outcome, chosen)
    if following.looks_for_libraries(self:follow_settings()) then
        self:prepare_to_follow(chosen)
    end
    local has_gained = stage.has_gained(outcome)
    local complaint = not self:is_minor(outcome) and outcome.complaint or self.unmoved
    local unmet = self:is_judged(has_gained) and outcome.unmet
    return self:finish(unmet or complaint, chosen.strict or unmet,
        has_gained)
end

-- Handles the start of a child. Returns the child's run, or nil if the child is let go.
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
    if not child:cont() then
        child:close()
        return nil
    end
    return setmetatable({ inferior = child, name = self.name, given = self.given,
        said = self.said, chosen = self.chosen, is_waiting = true,
        is_watched = self.is_watched, is_between = self.is_between, outcome = self.outcome }, Run)
end

-- Whether the process must stop at its system calls: while the dynamic linker reads the auxiliary
-- vector and, where its libraries are placed by tiexec, until it has reached the entry point.
local function watches_syscalls(run)
    if not run.entry or run.entry.reached then return false end
    return run.entry.reading or run.steering or not run.is_prepared
end

function Run:at_syscall(event)
    if event.thread ~= self.inferior:pid() then return end -- one that a constructor has started
    if self.entry.reading then self.entry:at_syscall(event) end
    if self.steering then self.steering:at_syscall(event) end
end

--- Handles an event of the inferior, which is stopped. Signals and the ends of threads need no
-- work: `resume` passes the signals on.
-- @tparam Event event as `inferior:wait` returns it
-- @treturn ?Run of a child that is to be followed
function Run:handle(event)
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

--- Sets the inferior going again, and prepares the next stage meanwhile.
-- @treturn[1] boolean true
-- @treturn[2] nil, string why it does not go on
function Run:resume()
    local ok, why = self.inferior:cont(watches_syscalls(self) and "syscall" or "freely")
    if not ok then return nil, why end
    if self.entry then self:prepare() end
    return true
end

--- Lets the process go: it is not traced any more. If the kernel refuses that, the process would
-- stand still for as long as this one follows others: then it is killed.
function Run:release()
    if self.entry then self.entry:cancel() end
    if not require "tiexec.harness.hold".let_go(self.inferior) then self.inferior:kill() end
    if self.notes then self.notes:keep() end
end

-- Has two steps of a run take no signals: between them the program may run on for long, but an
-- error that a signal raises (core.guard_end) in their midst would leave it half changed.
local function shield(run)
    for _, name in ipairs { "relocate", "at_entry" } do
        local step = run[name]
        run[name] = function(...)
            local before <const> = core.signal_mask(ALL_SIGNALS)
            local result = table.pack(xpcall(step, debug.traceback, ...))
            core.signal_mask(before)
            if not result[1] then error(result[2], 0) end
            return table.unpack(result, 2, result.n)
        end
    end
end

--- Takes a program that has just been started to its entry point, and does there what a start does.
-- @tparam Inferior inferior stopped at its exec
-- @string name of the program, for messages
-- @tparam Settings given
-- @treturn[1] Run that has done its work
-- @treturn[2] nil, Event it has ended
-- @treturn[3] nil, string it cannot be traced
function stages.to_entry(inferior, name, given)
    local run = stages.start(inferior, name, given)
    run.is_alone = true
    shield(run)
    run:handle { reason = "exec", thread = inferior:pid() }
    while not run.done do
        local ok, why = run:resume()
        if not ok then return nil, why end
        local event, refused = inferior:wait()
        if not event then return nil, refused end
        if event.reason:find("^exited") then return nil, event end
        run:handle(event)
    end
    if run.entry then run.entry:cancel() end
    inferior:stay_beside(false)
    return run
end

--- Makes the run of a program that is about to be exec'd.
-- @tparam Inferior inferior seized and running
-- @string name of the program, for messages
-- @tparam Settings given the settings of the command line and the environment
-- @treturn Run
function stages.start(inferior, name, given)
    choice.preload(given) -- while the program is exec'd
    inferior:stay_beside(true)
    return setmetatable({ inferior = inferior, name = name, given = given, said = {},
        is_first = true }, Run)
end

return stages
