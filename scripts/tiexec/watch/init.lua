-- SPDX-License-Identifier: Apache-2.0
--- Watches a family of processes without tracing them (see core/os/rings.h), and remaps the text of
-- what they become, start and load.
--
-- The kernel's records say where something may have happened. Each process in question is looked
-- at in /proc a moment later, and attached to, for some milliseconds, if it has new text that is
-- worth it. Nothing else is ever done to it; so the end of this process changes nothing.

local core = require "tiexec.core"
local kin = require "tiexec.watch.kin"
local looks = require "tiexec.watch.looks"
local members = require "tiexec.watch.members"
local message = require "tiexec.base.message"
local stage = require "tiexec.remap.stage"
local watchers = require "tiexec.harness.watchers"

local c = core.constants
local watch = {}

-- Bytes of the ring of one CPU. A user may have some of them for each (perf_event_mlock_kb); if
-- many are in use, there is one of two pages to be had.
local SIZES <const> = { 32768, 16384, 8192 }
local READY_MS <const> = 5000 -- for the kernel to open the first event
local BATCH_MS <const> = 2 -- from the first record to the reading of all
local CALM_MS <const> = 16 -- the same, where threads and children come and go, and nothing else
local AGAIN_S <const> = 1 -- between two looks at the whole family
local RENEW_S <const> = 10 -- between two looks for CPUs that have come online

-- The state of a watch:
-- rings        where the records come from
-- members      whose they are
-- looks        what is known for looking at processes
-- given, said  the settings, and the lines that were said already
-- is_quiet     nobody has asked for a watch: what could not be had is not told
-- seconds      how long it goes on after somebody has gained; nil: to the family's end
-- gained       when somebody has gained last
-- is_standing  the events are open
-- batch        milliseconds from the first record to the reading of all
-- is_kept      the kernel did not let some process go: the end of this one sets it free
-- missed       records may have been lost since the last look at all members, which was `looked`
-- threads      a set of the threads that were told of while the events were being opened
local Watch = {}
Watch.__index = Watch

-- ---- beginning -------------------------------------------------------------------------------

-- Opens rings of some size, and begins to open the events of a process.
local function open(pid, size)
    local rings, why, errno = core.rings(math.max(size, core.page_size()))
    if not rings then return nil, why, errno end
    local ok
    ok, why, errno = rings:begin(pid)
    if ok then return rings end
    rings:close()
    return nil, why, errno
end

-- The settings for what comes of the family, whose complaints are told once, or not at all.
local function settings_of(given, said, is_quiet)
    local settings = { is_unasked = is_quiet }
    for name, value in pairs(given) do settings[name] = value end
    function settings.say(_, words)
        if not is_quiet and not said[words] then message.say("%s", words) end
        said[words] = true
    end
    return settings
end

--- Begins to watch what a process does, and what it will start. Until the watch stands this process
-- can do other things.
-- @int pid
-- @tparam Chosen chosen of its program, prepared
-- @tparam Settings given the settings of the command line and the environment
-- @tparam table said the lines that were said already
-- @tparam ?number seconds how long the watch goes on after somebody has gained; nil: to the end
-- @treturn[1] Watch
-- @treturn[2] nil, string why it cannot be watched
function watch.begin(pid, chosen, given, said, seconds)
    local rings, why = open(pid, SIZES[1])
    if not rings then return nil, why end
    local is_quiet = not chosen.follow and not chosen.verbose
    given = settings_of(given, said, is_quiet)
    return setmetatable({ first = pid, rings = rings, members = members.new(), given = given,
        looks = looks.new(chosen, given), said = said, seconds = seconds, threads = {},
        is_quiet = is_quiet,
        batch = BATCH_MS, looked = 0 }, Watch)
end

-- Tries smaller rings, where this user may have no more memory for them.
local function retry(self, why, errno)
    for _, size in ipairs(SIZES) do
        if errno ~= c.EPERM and errno ~= c.ENOMEM then break end
        self.rings:close()
        local rings, refused, number = open(self.first, size)
        if not rings then return nil, refused, number end
        self.rings = rings
        local ok
        ok, why, errno = rings:ready(READY_MS)
        if ok then return true end
    end
    return nil, why, errno
end

--- Tells whether the watch stands.
-- @int timeout milliseconds for which that is waited for
-- @treturn[1] boolean
-- @treturn[2] nil, string why it never will
function Watch:stands(timeout)
    if self.is_standing then return true end
    local ok, why, errno = self.rings:ready(timeout)
    if not ok and errno == c.ETIMEDOUT then return false end
    if not ok and (errno == c.EPERM or errno == c.ENOMEM) then
        ok, why, errno = retry(self, why, errno)
    end
    if not ok and errno ~= c.ESRCH then return nil, why end
    self.is_standing, self.has_missed = true, not ok
    return true
end

--- Closes the events of a watch that will not be followed.
function Watch:close() self.rings:close() end

-- ---- who belongs to the family ---------------------------------------------------------------

-- Whether a process is still the one that has become a member. The first look decides who that is:
-- it comes when the record is read that told of it.
local function is_same(self, pid)
    local member, birth = self.members:get(pid), kin.birth_of(pid)
    member.birth = member.birth or birth
    return birth ~= nil and member.birth == birth
end

-- The parent of a process if both run the same program, so that it may have been forked, or nil.
-- One that has exec'd that again lies elsewhere, unless its address is fixed, so that nothing of it
-- counts as handled.
local function parent_of(pid)
    local parent = core.status(pid, "PPid")
    local exe = core.readlink(("/proc/%d/exe"):format(pid))
    local is_alike = exe and exe == core.readlink(("/proc/%d/exe"):format(parent or 0))
    return is_alike and parent or nil
end

-- Has the threads of the family watched, those from before the events stood.
local function cover(self)
    local roots = self.members:pids()
    roots[#roots + 1] = self.first
    local seen, now = {}, core.now()
    for _, root in ipairs(roots) do
        kin.each_descendant(root, function(pid)
            if seen[pid] then return end
            seen[pid] = true
            for _, tid in ipairs(kin.threads_of(pid)) do
                if tid ~= self.first and not self.threads[tid] then self.rings:add(tid) end
            end
            local parent = parent_of(pid)
            if parent then self.members:inherit(pid, parent) end
            self.members:look_again(pid, now)
        end)
    end
    self.threads = nil
end

-- Looks at all members and their descendants in /proc, since records may have been lost.
local function look_at_all(self)
    local now = core.now()
    self.missed, self.looked = nil, now
    for _, root in ipairs(self.members:pids()) do
        if is_same(self, root) then
            kin.each_descendant(root, function(pid) self.members:look_again(pid, now) end)
        else
            self.members:remove(root)
        end
    end
end

-- Watches all threads on the CPUs that have come online.
local function renew(self)
    if core.now() < (self.renewed or 0) + RENEW_S then return end
    self.renewed = core.now()
    local from = self.rings:grow()
    if not from then return end
    for _, pid in ipairs(self.members:pids()) do
        for _, tid in ipairs(kin.threads_of(pid)) do self.rings:add(tid, from) end
    end
end

-- ---- records -----------------------------------------------------------------------------------

-- Takes in all records that there are.
local function read(self)
    local records, lost = self.rings:read(self.looks.least, self.threads ~= nil)
    local now, is_calm = core.now(), true
    for _, record in ipairs(records) do
        if self.threads then self.threads[record.tid or record.pid] = true end
        self.members:note(record, now)
    end
    for _, record in ipairs(records) do
        local pid, kind = record.pid, record.kind
        if kind == "mapped" or kind == "exec" then is_calm = false end
        local is_gone = kind == "ended" and kin.has_ended(pid)
            or kind == "forked" and not is_same(self, pid)
        if is_gone then self.members:remove(pid) end
    end
    self.batch = is_calm and math.min(2 * self.batch, CALM_MS) or BATCH_MS
    self.missed = self.missed or lost
    if self.missed and now >= self.looked + AGAIN_S then look_at_all(self) end
end

-- ---- what is done about them -------------------------------------------------------------------

local function say(self, name, line)
    local words = ("%s: %s"):format(name, line)
    if not self.said[words] then message.say("%s", words) end
    self.said[words] = true
end

-- Notes what has come of attaching to a process.
local function note(self, pid, news, result, seconds)
    read(self) -- what tiexec itself had the process map
    if result.handled then
        local is_partial = result.outcome.is_new ~= nil
        self.members:handled(pid, result.handled, core.now(), seconds, is_partial)
    else
        self.members:put_off(pid, news, core.now())
    end
    if result.gained then self.gained = core.now() end
    local outcome = result.outcome
    local is_quiet = self.is_quiet or outcome and outcome.quiet
    if outcome and outcome.complaint and not is_quiet and stage.matters(outcome) then
        say(self, result.name, result.outcome.complaint)
    end
end

local function serve(self, pid)
    local news, started = self.members:take_news(pid), core.now()
    if not is_same(self, pid) then return self.members:remove(pid) end
    local ok, result = xpcall(self.looks.look, debug.traceback, self.looks, pid,
        self.members:get(pid), news)
    if not ok then
        message.say("process %d: %s", pid, message.of_error(result))
    elseif type(result) == "table" and result.is_kept then
        self.is_kept = true
        say(self, result.name, "it cannot be let go but by the end of the watch")
    elseif result == "later" then
        self.members:put_off(pid, news, core.now())
    elseif result then
        note(self, pid, news, result, core.now() - started)
    end
end

--- Takes in a process that was let go.
-- @int pid
-- @tparam ?Outcome outcome of its entry stage
function Watch:take(pid, outcome)
    if not is_same(self, pid) then return self.members:remove(pid) end
    self.members:take(pid, outcome and looks.ranges_of(outcome) or {})
    if outcome and stage.has_gained(outcome) then self.gained = core.now() end
end

--- Takes in a process whose program has its huge text by the steps of an earlier start.
-- @int pid
-- @tparam Range range of the program, as it was then: it may have become another one since
function Watch:take_served(pid, range)
    if not is_same(self, pid) then return self.members:remove(pid) end
    self.members:take(pid, { range })
    self.gained = core.now()
end

-- The milliseconds until there is something to do without news.
local function left(self)
    local now, until_then, due = core.now(), RENEW_S, self.members:next_due()
    if due then until_then = math.min(until_then, due - now) end
    if self.missed then until_then = math.min(until_then, self.looked + AGAIN_S - now) end
    if self.seconds and self.gained then
        until_then = math.min(until_then, self.gained + self.seconds - now)
    end
    return math.max(0, math.ceil(until_then * 1000))
end

local function is_over(self)
    return self.seconds and self.gained and core.now() >= self.gained + self.seconds
end

local function follow(self)
    read(self)
    cover(self)
    local errno
    repeat
        for _, pid in ipairs(self.members:take_due(core.now())) do
            serve(self, pid)
            if self.is_kept then return end
        end
        local news, _, number = self.rings:wait(left(self))
        errno = number
        if news then core.pause(self.batch) end
        read(self)
        renew(self)
    until errno == c.ESRCH or is_over(self)
end

--- Whether some process that was taken in lives.
-- @treturn boolean
function Watch:is_alive()
    for _, pid in ipairs(self.members:pids()) do
        if not kin.has_ended(pid) then return true end
    end
    return false
end

-- Has the watch seen in the list of processes, with the id of the first of its family (see
-- harness/watchers.lua).
local function name_it(self)
    local file = io.open("/proc/self/comm", "w")
    if file then
        file:write(watchers.name(self.first))
        file:close()
    end
end

--- Follows the family, of which nobody may be traced any more, to its end, or until it is time.
function Watch:run()
    name_it(self)
    local ok, why = xpcall(follow, debug.traceback, self)
    if not ok then message.say("%s", message.of_error(why)) end
end

return watch
