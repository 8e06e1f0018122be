-- SPDX-License-Identifier: Apache-2.0
--- A server of GDB's remote protocol for one inferior: gdb debugs it over a stream, and gives it
-- back, or ends it.
--
-- It is a server as gdb's all-stop mode wants it: when a thread stops all others are stopped, and
-- gdb is told; then packets are answered until one sets threads going again.

local core = require "tiexec.core"
local link = require "tiexec.gdb.link"
local message = require "tiexec.base.message"
local resume = require "tiexec.gdb.server.resume"
local stops = require "tiexec.gdb.server.stops"

local c = core.constants
local server = {}

local LIMIT <const> = 0x10000 -- bytes of a packet
local STOP_MS <const> = 5000
local END_MS <const> = 10000

-- inferior, pid, link  what is served, and to whom
-- description          of its registers
-- features             what gdb has said that it can do: a set
-- points, files        what gdb has open: its breakpoints, by their packets; its files
-- named                the threads that Hg and Hc have named
-- passed, delivered    sets of signals: QPassSignals, QProgramSignals
-- calls                the system call that each thread is in, as far as it was told
-- ranges, stays        of the threads that go on: where steps are not told; which do not go
-- deferred             events of threads that stayed stopped
-- last                 the last stop reply
-- outcome              what `serve` returns
local Server = {}
Server.__index = Server

-- ---- what packets do ----------------------------------------------------------------------------

local handlers -- by the names of packets

local function load_handlers()
    if handlers then return end
    handlers = {}
    for _, module in ipairs { require "tiexec.gdb.server.files",
        require "tiexec.gdb.server.memory", require "tiexec.gdb.server.objects",
        require "tiexec.gdb.server.points", require "tiexec.gdb.server.queries",
        require "tiexec.gdb.server.registers", resume, require "tiexec.gdb.server.threads",
        (require "tiexec.gdb.server.tls") } do
        for name, handler in pairs(module) do handlers[name] = handler end
    end
end

-- Splits a payload into the name of the packet and the rest.
local function split(payload)
    local first = payload:sub(1, 1)
    if not first:find("[qQv]") then return first, payload:sub(2) end
    local name = payload:match("^%a+%??")
    return name, payload:sub(#name + 1)
end

--- Writes the reply for something that has failed.
function Server:failure(errno) -- luacheck: no self
    return ("E%02x"):format(math.max(1, (errno or c.EIO) & 0xff))
end

--- Gives the thread that Hg has named, or the present one.
function Server:thread()
    local named = self.named.g
    if named and named > 0 then return named end
    return self.inferior:threads()[1] or self.pid
end

-- The packets that a peer may name: not what modules have besides.
local function is_packet(name)
    return #name == 1 or name:find("^[qQv]%u") ~= nil or name:find("^q[fs]ThreadInfo$") ~= nil
end

-- Gives the reply to a packet; nil: there is none, or none yet.
function Server:answer(payload)
    local name, rest = split(payload)
    local handler = is_packet(name) and handlers[name]
    if not handler then return "" end
    local ok, reply = xpcall(handler, debug.traceback, self, rest)
    if ok then return reply end
    if core.is_ending() then error(reply, 0) end
    self.fail(("%s: %s"):format(name, reply))
    return self:failure(c.EIO)
end

--- Has system calls told of.
-- @tparam ?table list of numbers; an empty one: all; nil: none
function Server:catch(list)
    self.catches_all, self.has_caught = list ~= nil and #list == 0, true
    local ok, _, errno = self.inferior:catch_syscalls(list and #list > 0 and list or nil,
        { filter = false })
    return ok and "OK" or self:failure(errno)
end

--- Kills the process, and waits for its end.
function Server:kill()
    local deadline = core.now() + END_MS / 1000
    self.inferior:kill()
    self.outcome = { "killed" }
    repeat
        local event = self.inferior:wait(END_MS)
        if event and event.reason:find("^exited") then self.outcome[2] = event end
    until not event or self.outcome[2] or core.now() > deadline
end

-- ---- what happens -------------------------------------------------------------------------------

--- Tells gdb of an event. All threads are stopped, or there are none.
-- @treturn string the stop reply
function Server:tell(event)
    self.running, self.named.g = false, event.thread
    if event.reason:find("^exited") then
        self.outcome = { "exited", event }
        return stops.of(self, event)
    end
    self.inferior:select(event.thread)
    self.event = event
    self.last = stops.of(self, event)
    return self.last
end

-- Whether gdb is not to be told of an event: then its thread goes on.
function Server:passes(event)
    local reason = event.reason
    if reason == "thread-exited" or reason == "group-stop" then return true end
    if reason == "signal-received" then return self.passed[event.signal] == true end
    return resume.goes_on(self, event)
end

-- Notes what an event changes. Returns the stop reply, or nil: there is none yet.
function Server:handle(event)
    if event.reason:find("^exited") then return self:tell(event) end
    if event.reason == "syscall-entry" then self.calls[event.thread] = event.syscall end
    if event.reason == "exec" then self.points, self.calls = {}, {} end
    if self:passes(event) then
        if event.reason ~= "end-stepping-range" then self.inferior:go_on(event.thread) end
        return nil
    end
    if self.stays[event.thread] then
        self.deferred[#self.deferred + 1] = event
        return nil
    end
    local _, _, errno = self.inferior:interrupt(STOP_MS)
    if errno == c.ESRCH then return nil end -- it has ended, of which the next wait tells
    return self:tell(event)
end

-- Stops the process for gdb's Ctrl-C. Returns the stop reply, or nil: it has ended.
function Server:interrupt()
    local _, _, errno = self.inferior:interrupt(STOP_MS)
    if errno == c.ESRCH then return nil end
    self.running = false
    self.named.g = self.inferior:threads()[1]
    self.last = stops.interrupted(self, self.named.g)
    return self.last
end

-- Takes in what the peer sends while threads run: a Ctrl-C. Anything else waits for the stop.
-- Returns the stop reply, or nil; or false, message, errno.
function Server:listen()
    local ok, why, errno = self.link:read(0)
    if not ok and errno ~= c.ETIMEDOUT then return false, why, errno end
    return nil
end

-- Waits for what happens next while threads run. Returns as `listen`.
function Server:watch()
    local kind, payload, number = self.link:pending()
    if kind == nil then return false, payload, number end
    if kind == "interrupt" then return self:interrupt() end
    if kind == "packet" then return self:answer_early(payload) end
    local event, why, errno = self.inferior:wait(nil, self.link.stream)
    if event then return self:handle(event) end
    if errno == c.EAGAIN then return self:listen() end
    if errno == c.ECHILD then -- the threads that were to go have ended, and the others stay
        self.running = false
        return self.features["no-resumed"] and "N" or stops.present(self, self:thread())
    end
    return false, why, errno
end

-- A packet that comes while threads run. gdb sends none but those that end it all.
function Server:answer_early(payload)
    local name = split(payload)
    if name ~= "k" and name ~= "vKill" and name ~= "D" then return nil end
    self.inferior:interrupt(STOP_MS)
    self.running = false
    return self:answer(payload)
end

-- ---- the conversation ---------------------------------------------------------------------------

-- Does one thing. Returns true; or nil, message, errno when the peer is gone.
function Server:turn()
    local reply
    if self.running then
        local why, errno
        reply, why, errno = self:watch()
        if reply == false then return nil, why, errno end
    else
        local kind, payload, errno = self.link:receive()
        if not kind then return nil, payload, errno end
        reply = kind == "packet" and self:answer(payload) or nil
    end
    if not reply then return true end
    local ok, why, errno = self.link:send(reply)
    if self.ends_acks then self.link.acks = false end
    return ok, why, errno
end

-- Puts everything back as a script, or the process by itself, expects it.
function Server:leave()
    local inferior = self.inferior
    if self.running then inferior:interrupt(STOP_MS) end
    require "tiexec.gdb.server.points".clear(self)
    require "tiexec.gdb.server.files".close(self)
    if self.has_caught then inferior:catch_syscalls(nil) end
    inferior:keep_signals(false)
    local signal = self.event and self.event.signal
    local is_dropped = self.delivered and signal and not self.delivered[signal]
    if self.outcome and self.outcome[1] == "detached" and is_dropped then
        inferior:drop_signal()
    end
end

--- Lets gdb debug an inferior, all of whose threads are stopped, until gdb detaches from it or
-- kills it, or until it ends. Then all threads are stopped, gdb's breakpoints are gone, and the
-- inferior is the caller's again.
-- @tparam Inferior inferior
-- @tparam Stream stream
-- @tparam[opt] table options `attached`: gdb lets it go when it quits, and does not kill it;
-- `fail(why)` is told of internal errors, which are shown otherwise
-- @treturn[1] string "detached", "killed" or "exited"
-- @treturn[1] ?Event the end
-- @treturn[2] nil, message, errno (EPIPE: the peer is gone; EPROTO: it does not speak the protocol;
-- EINTR: this process is about to end)
function server.serve(inferior, stream, options)
    load_handlers()
    options = options or {}
    local description, why, errno = require "tiexec.gdb.server.description".of(inferior)
    if not description then return nil, why, errno end
    local self = setmetatable({ inferior = inferior, pid = inferior:pid(), limit = LIMIT,
        link = link.new(stream, LIMIT, true), description = description, features = {}, points = {},
        files = {}, named = {}, passed = {}, calls = {}, ranges = {}, stays = {}, deferred = {},
        object = {}, attached = options.attached,
        fail = options.fail or function(error) message.say("gdb: internal error: %s", error) end },
        Server)
    inferior:keep_signals(true)
    local ok
    repeat ok, why, errno = self:turn() until not ok or self.outcome
    self:leave()
    if self.outcome then return table.unpack(self.outcome) end
    return nil, why, errno
end

return server
