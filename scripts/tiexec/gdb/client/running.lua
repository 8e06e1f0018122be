-- SPDX-License-Identifier: Apache-2.0
--- Setting a stub's threads going, and waiting for what happens. When one thread stops all do.

local core = require "tiexec.core"
local harness = require "tiexec.harness.points"
local packets = require "tiexec.gdb.packets"
local signals = require "tiexec.gdb.signals"
local stops = require "tiexec.gdb.client.stops"
local wire = require "tiexec.gdb.client.wire"

local c = core.constants
local running = {} -- methods of a Remote

local STOP_MS <const> = 10000

-- ---- the replies --------------------------------------------------------------------------------

-- Waits for a stop reply. What the program writes in between is passed on.
local function receive(remote, timeout)
    while true do
        local kind, reply, errno = remote.link:receive(timeout)
        if not kind then
            if errno ~= c.ETIMEDOUT and errno ~= c.EINTR then remote.lost = reply end
            return nil, reply, errno
        end
        local letter = kind == "packet" and reply:sub(1, 1)
        if letter == "O" and reply ~= "OK" then
            local text = packets.bytes(reply:sub(2))
            if text and remote.output then remote.output(text) end
        elseif letter == "F" then -- the stub's program asks for a file of ours: it gets none
            remote.link:send("F-1,1")
        elseif letter == "N" then
            return nil, "all threads are stopped", c.ECHILD
        elseif letter then
            return reply
        end
    end
end

-- Waits for the threads to stop. Returns an event.
local function next_event(remote, timeout)
    local reply, why, errno = receive(remote, timeout)
    if not reply then
        if errno == c.ECHILD then remote.running = false end
        return nil, why, errno
    end
    remote.running, remote.kept, remote.named = false, {}, nil
    if reply == "" then return wire.lacks(remote.asked) end
    if reply:find("^E") then return nil, "the stub does not resume: " .. reply, c.EIO end
    local event
    event, why, errno = stops.of(remote, reply)
    remote.stepping = nil
    if not event then return nil, why, errno end
    if event.reason:find("^exited") then remote.ended = true end
    if event.reason == "exec" then remote.own_points, remote.places = {}, {} end
    remote.signal = event.reason == "signal-received" and event.signal or nil
    return event
end

-- ---- resuming -----------------------------------------------------------------------------------

local function set_going(remote, payload)
    if remote.lost then return nil, remote.lost, c.EPIPE end
    remote.asked = payload:match("^v?%a+")
    local ok, why, errno = remote.link:send(payload)
    if not ok then return nil, why, errno end
    remote.running, remote.kept, remote.signal = true, {}, nil
    return true
end

-- Writes what sets threads going: one by an action, and the others, or not.
local function actions(remote, thread, action, others)
    if remote.has_vcont then
        return ("vCont;%s:%s%s"):format(action, wire.id(remote, thread), others and ";c" or "")
    end
    wire.order(remote, "Hc" .. wire.id(remote, thread))
    return action
end

-- The places of breakpoints at the pc of a thread, which are in the way when it goes on.
local function in_the_way(remote, thread)
    local pc, list = remote:read_register("pc", thread), {}
    for _, point in pairs(remote.own_points) do
        if point.enabled and not point.size and point.address == pc then
            list[point.place] = true
        end
    end
    return list
end

-- Executes one instruction of a thread, without the breakpoints where it is. Returns the event.
local function step_past(remote, thread, places, action)
    for place in pairs(places) do
        local ok, why, errno = wire.order(remote, "z" .. place)
        if not ok then return nil, why, errno end
    end
    remote.stepping = thread
    local ok, why, errno = set_going(remote, actions(remote, thread, action, false))
    local event
    if ok then event, why, errno = next_event(remote, STOP_MS) end
    for place in pairs(not remote.ended and not remote.running and places or {}) do
        wire.order(remote, "Z" .. place)
    end
    return event, why, errno
end

local function signal_of(remote, given)
    local number = given or remote.signal
    if type(number) == "string" then number = c["SIG" .. number:gsub("^SIG", "")] end
    return number and number ~= 0 and signals.to_gdb(number) or nil
end

local function letter_of(remote, step, given)
    local signal = signal_of(remote, given)
    if not signal then return step and "s" or "c" end
    return ("%s%02x"):format(step and "S" or "C", signal)
end

local function check_stopped(remote)
    if remote.running then return nil, "the threads are running", c.EBUSY end
    if remote.ended then return nil, "the process has ended", c.ESRCH end
    return true
end

--- Resumes threads, as `Inferior:cont` does.
function running:cont(how)
    local ok, why, errno = check_stopped(self)
    if not ok then return nil, why, errno end
    local given = type(how) == "table" and how or { how = how }
    if given.how == "syscall" then
        ok, why, errno = self:catch_syscalls {}
        if not ok then return nil, why, errno end
    end
    if self.pending then return true end
    local thread = given.thread or self.selected
    local letter = letter_of(self, false, given.signal)
    local places = in_the_way(self, thread)
    if next(places) then
        local event
        event, why, errno = step_past(self, thread, places, letter_of(self, true, given.signal))
        if not event then return nil, why, errno end
        if event.reason ~= "end-stepping-range" then
            self.pending = event
            return true
        end
        letter = "c"
    end
    return set_going(self, actions(self, thread, letter, not given.thread))
end

--- Resumes the selected thread for one instruction, as `Inferior:stepi` does.
function running:stepi(options)
    local ok, why, errno = check_stopped(self)
    if not ok then return nil, why, errno end
    options = options or {}
    local thread = options.thread or self.selected
    local letter = letter_of(self, true, options.signal)
    local places = in_the_way(self, thread)
    if next(places) then
        self.pending, why, errno = step_past(self, thread, places, letter)
        if not self.pending then return nil, why, errno end
        return true
    end
    self.stepping = thread
    return set_going(self, actions(self, thread, letter, not options.thread))
end

-- Takes in that data was touched. Where the CPU stops a thread before the instruction that does so,
-- stubs leave it there: it executes the instruction now, unwatched. What comes of that is told
-- next.
local function take_touch(remote, event)
    if remote.stops_before then
        local places = {}
        for _, point in pairs(remote.own_points) do
            if point.enabled and point.size then places[point.place] = true end
        end
        local after, why, errno = step_past(remote, event.thread, places, "s")
        if not after then return nil, why, errno end
        if after.reason ~= "end-stepping-range" then remote.pending = after end
        if remote.ended then return event end
    end
    stops.add_values(remote, event)
    return event
end

-- Whether an event is to be told on: breakpoints have conditions, system calls may be others.
local function is_told(remote, event)
    if event.reason == "breakpoint-hit" or event.reason:find("watchpoint", 1, true) then
        return harness.judge(remote, event)
    end
    return true
end

local function left_until(deadline)
    return deadline and math.max(0, math.ceil((deadline - core.now()) * 1000))
end

--- Waits for the next event, as `Inferior:wait` does: then all threads are stopped.
function running:wait(timeout)
    local deadline = timeout and core.now() + timeout / 1000
    while true do
        local event, why, errno = self.pending, nil, nil
        self.pending = nil
        if not event and self.ended then return nil, "wait: the process has ended", c.ESRCH end
        if not event and not self.running then
            return nil, "wait: all threads are stopped", c.ECHILD
        end
        if not event then event, why, errno = next_event(self, left_until(deadline)) end
        if event and event.point then event, why, errno = take_touch(self, event) end
        if not event then return nil, why, errno end
        if is_told(self, event) then return event end
        local ok
        ok, why, errno = self:cont()
        if not ok then return nil, why, errno end
    end
end

--- Stops all threads, as `Inferior:interrupt` does.
function running:interrupt(timeout)
    if self.ended then return nil, "the process has ended", c.ESRCH end
    if not self.running then return true end
    local ok, why, errno = self.link:write("\3")
    if not ok then return nil, why, errno end
    local event
    event, why, errno = next_event(self, timeout or STOP_MS)
    if not event then return nil, why, errno end
    local is_ours = event.reason == "signal-received"
        and (event.signal == c.SIGINT or event.signal == 0 or event.signal == c.SIGTRAP)
    if is_ours then
        self.signal = nil
    else
        self.pending = event
    end
    if self.ended then return nil, "the process has ended", c.ESRCH end
    return true
end

--- Takes away the signal that has stopped the thread.
function running:drop_signal()
    self.signal = nil
    return true
end

--- Has system calls told of, as `Inferior:catch_syscalls` does, by number or, where the stub's CPU
-- is this one, by name.
function running:catch_syscalls(list)
    if not self.features.QCatchSyscalls then return wire.lacks("QCatchSyscalls") end
    if not list then return wire.order(self, "QCatchSyscalls:0") end
    local words = { "QCatchSyscalls:1" }
    for _, word in ipairs(list) do
        local number = math.type(word) == "integer" and word or core.syscall_number(word)
        if not number then error(("unknown system call '%s'"):format(tostring(word)), 2) end
        words[#words + 1] = ("%x"):format(number)
    end
    return wire.order(self, table.concat(words, ";"))
end

return running
