-- SPDX-License-Identifier: Apache-2.0
--- `--service` watches the execs of a host, and attaches to processes as they start, if their
-- profile says `service`. It says one line for each at most.

local attaching = require "tiexec.service.attaching"
local core = require "tiexec.core"
local execs = require "tiexec.service.execs"
local exit = require "tiexec.base.exit"
local gate = require "tiexec.service.gate"
local kin = require "tiexec.watch.kin"
local message = require "tiexec.base.message"
local metrics = require "tiexec.service.metrics"
local queue = require "tiexec.service.queue"
local rules = require "tiexec.service.rules"
local settings = require "tiexec.plan.settings"
local text = require "tiexec.base.text"

local c = core.constants
local service = {}

local SETTLE_S <const> = 0.1 -- from an exec to the look: libraries are mapped by then
local LONGEST_S <const> = 1 -- that a signal waits
local BUSY_S <const> = 0.02 -- between two looks whether an errand is over
local PATIENCE_S <const> = 60 -- with an errand, until the next process is dealt with

-- The state of the service: `given`, `rules`, `execs`, `queue`, `metrics`; `errand`, what is being
-- done: `pid`, `program`, `since`, `handle`; `left`, errands that were not waited for.
local Service = {}
Service.__index = Service

-- ---- profiles -----------------------------------------------------------------------------------

local function read_rules(self)
    local complaints
    self.rules, complaints = rules.read(self.given)
    for _, complaint in ipairs(complaints) do message.say("%s", complaint) end
    self.metrics:set("profiles", self.rules.count)
    self.metrics:set("wrong_profiles", #complaints)
end

local function count_profiles(self)
    local count = self.rules.count
    return ("%d %s"):format(count, count == 1 and "profile" or "profiles")
end

local function look_at_all(self)
    for pid in pairs(execs.running()) do self.queue:add(pid, core.now()) end
end

local function reload(self)
    read_rules(self)
    self.metrics:add("reloads_total")
    message.say("service: %s for it, read again", count_profiles(self))
    look_at_all(self)
end

-- ---- one process --------------------------------------------------------------------------------

local function executable_of(pid)
    local file = ("/proc/%d/exe"):format(pid)
    local path = core.readlink(file)
    return path and { path = (path:gsub(" %(deleted%)$", "")), file = file }
end

local function skip(self, pid, program, reason, now)
    if reason ~= "gone" then self.metrics:add("skipped_total", 1, reason) end
    if reason == "traced" and self.queue:put_off(pid, now) then return end
    self.queue:forget(pid)
    if reason == "gone" then return end
    if self.given.verbose then
        message.say("%s (process %d): left alone: %s", text.basename(program), pid, reason)
    end
end

-- Looks at a process, and begins an errand for it if it is one for that.
local function serve(self, pid)
    local executable, now = executable_of(pid), core.now()
    local item = executable and self.rules:find(executable)
    if not item then return self.queue:forget(pid) end
    local program, setting = executable.path, item.settings.service
    local reason = gate.reason(pid, setting) or self.queue:is_vain(program, now) and "vain" or nil
    if reason then return skip(self, pid, program, reason, now) end
    if not self.queue:may_attach(now) then
        self.metrics:add("put_off_total")
        return self.queue:add(pid, now + SETTLE_S)
    end
    local handle, why = attaching.begin(pid, setting, self.given)
    if not handle then
        message.say("service: %s", why)
        return self.queue:put_off(pid, now)
    end
    self.errand = { pid = pid, program = program, since = now, handle = handle }
end

-- What a process has forked before it was attached to has small text of its own.
local function look_at_children(self, pid, program)
    kin.each_descendant(pid, function(child)
        local executable = child ~= pid and executable_of(child)
        if executable and executable.path == program then self.queue:add(child, core.now()) end
    end)
end

local function say_result(errand, told)
    local name = text.basename(errand.program)
    local shown = told.why
    if told.state == "gained" or not shown then
        shown = ("%s of %s of text on huge pages"):format(text.size(told.huge_bytes),
            text.size(told.bytes))
    end
    message.say("%s (process %d): %s", name, errand.pid, shown)
end

local function finish(self, errand, told)
    self.queue:forget(errand.pid)
    if told.state == "skipped" then
        return skip(self, errand.pid, errand.program, told.why, core.now())
    end
    if told.state == "idle" then
        return self.metrics:add("skipped_total", 1, "idle")
    end
    self.metrics:add("attached_total", 1, told.state)
    self.queue:note(errand.program, told.state == "gained", core.now())
    if told.state == "gained" then
        self.metrics:add("huge_bytes_total", told.huge_bytes)
        look_at_children(self, errand.pid, errand.program)
    end
    say_result(errand, told)
end

-- Looks whether the errand is over. One that takes too long is not waited for any more, and not
-- broken off either: it holds a process.
local function see_errand(self)
    local errand = self.errand
    local told, why, errno = errand.handle:wait(0)
    if told or errno ~= c.ETIMEDOUT then
        self.errand = nil
        local result = attaching.told(told or "")
        result.why = result.why or why
        finish(self, errand, result)
    elseif core.now() > errand.since + PATIENCE_S then
        self.errand = nil
        self.left[#self.left + 1] = errand.handle
        self.metrics:add("attached_total", 1, "late")
        message.say("%s (process %d): it takes more than %d s to attach to it",
            text.basename(errand.program), errand.pid, PATIENCE_S)
    end
end

-- Collects errands that nobody waits for.
local function collect(self)
    for i = #self.left, 1, -1 do
        local told, _, errno = self.left[i]:wait(0)
        if told or errno ~= c.ETIMEDOUT then table.remove(self.left, i) end
    end
end

-- ---- the loop -----------------------------------------------------------------------------------

-- Deals with who is due: one at a time is attached to.
local function serve_due(self)
    if self.errand then see_errand(self) end
    if self.errand then return end
    local list = self.queue:take(core.now())
    for i, pid in ipairs(list) do
        if self.errand then
            for j = i, #list do self.queue:add(list[j], core.now()) end
            break
        end
        serve(self, pid)
    end
end

local function seconds_left(self)
    if self.errand then return BUSY_S end
    local due = self.queue:next_due()
    return due and math.max(0, math.min(LONGEST_S, due - core.now())) or LONGEST_S
end

local function take_news(self)
    local pids, all = self.execs:wait(seconds_left(self))
    local due = core.now() + SETTLE_S
    for _, pid in ipairs(pids) do self.queue:add(pid, due) end
    if #pids > 0 then self.metrics:add("execs_total", #pids) end
    if all then
        self.metrics:add("missed_total")
        look_at_all(self)
    end
end

local function write_metrics(self)
    self.metrics:set("waiting", self.queue.count)
    local ok, why = self.metrics:write(core.now())
    if not ok and why ~= self.said then message.say("service: %s", why) end
    self.said = not ok and why or nil
end

local function turn(self)
    take_news(self)
    if core.take_signal(c.SIGHUP) then reload(self) end
    serve_due(self)
    collect(self)
    write_metrics(self)
end

local function begin(self)
    read_rules(self)
    self.execs = execs.open(self.given["by-proc"])
    self.metrics:set("records", self.execs.tells and 1 or 0)
    message.say("service: %s for it; %s", count_profiles(self), self.execs.connector
        and "the kernel's proc connector tells of execs"
        or self.execs.rings and "the kernel tells of execs"
        or ("/proc is looked at each second: " .. self.execs.why))
    look_at_all(self)
end

--- Runs `--service`, until a signal.
-- @tparam Settings given those of the command line and the environment, with `metrics`
-- @treturn int exit status 125, if it cannot begin
function service.run(given)
    core.open_late(core)
    local ok, why = settings.open_report(given)
    if not ok then
        message.say("%s", why)
        return exit.FAILED
    end
    core.signal_mask(core.signal_mask() | 1 << (c.SIGHUP - 1))
    given.verbose, given.say = given.verbose or false, function() end
    local self = setmetatable({ given = given, metrics = metrics.new(given.metrics), left = {},
        queue = queue.new(core.now()) }, Service)
    given.metrics = nil
    begin(self)
    while true do turn(self) end
end

return service
