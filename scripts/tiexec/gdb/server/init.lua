-- SPDX-License-Identifier: Apache-2.0
--- A server of GDB's remote protocol for one inferior, and for what it forks: gdb debugs them over
-- a stream, and gives the inferior back, or ends it.
--
-- It is a server as gdb's all-stop mode wants it: when a thread stops all others are stopped, and
-- gdb is told; then packets are answered until one sets threads going again.

local core = require "tiexec.core"
local inferiors = require "tiexec.harness.inferiors"
local link = require "tiexec.gdb.link"
local message = require "tiexec.base.message"
local processes = require "tiexec.gdb.server.processes"
local resume = require "tiexec.gdb.server.resume"
local stops = require "tiexec.gdb.server.stops"

local c = core.constants
local server = {}

local LIMIT <const> = 0x10000 -- bytes of a packet

-- link                 to whom it serves
-- processes            all that gdb debugs: processes.lua; `served`: the inferior's
-- now, inferior, pid   the one that packets mean
-- description          of its registers
-- features             what gdb has said that it can do: a set
-- follows, followed    whether it follows forks, and whether the caller did
-- files                what gdb has open
-- named                the threads that Hg and Hc have named
-- passed, delivered    sets of signals: QPassSignals, QProgramSignals
-- running              gdb waits for a stop
-- last                 the last stop reply
-- result, outcome      what has become of the served process; what `serve` returns
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

--- Has system calls of the present process told of.
-- @tparam ?table list of numbers; an empty one: all; nil: none
function Server:catch(list)
    local process = self.now
    process.catches_all, process.has_caught = list ~= nil and #list == 0, true
    local ok, _, errno = process.inferior:catch_syscalls(list and #list > 0 and list or nil,
        { filter = false })
    return ok and "OK" or self:failure(errno)
end

-- ---- what happens -------------------------------------------------------------------------------

--- Tells gdb of an event of a process. All threads are stopped, or there are none.
-- @treturn string the stop reply
function Server:tell(process, event)
    self.running, self.named.g = false, event.thread
    processes.turn_to(self, process)
    if event.reason:find("^exited") then
        local reply = stops.of(self, event)
        processes.remove(self, process, { "exited", event })
        return reply
    end
    process.inferior:select(event.thread)
    process.event = event
    if event.child then processes.show(self, event.child) end
    self.last = stops.of(self, event)
    return self.last
end

-- Whether gdb is not to be told of an event: then its thread goes on.
function Server:passes(process, event)
    local reason = event.reason
    if reason == "thread-exited" or reason == "group-stop" then return true end
    if reason == "signal-received" then return self.passed[event.signal] == true end
    if event.child then return not processes.adopt(self, process, event) end
    return resume.goes_on(process, event)
end

-- Notes what an event says of its process.
local function note(process, event)
    if event.reason == "syscall-entry" then process.calls[event.thread] = event.syscall end
    if event.reason == "exec" then process.points, process.calls = {}, {} end
    if event.reason == "vfork-done" then process.vforked = nil end
end

-- Notes what an event changes. Returns the stop reply, or nil: there is none yet.
function Server:handle(process, event)
    if process.released then return processes.pass_on(self, process, event) end
    note(process, event)
    local is_end = event.reason:find("^exited") ~= nil
    if not is_end and self:passes(process, event) then
        if event.reason ~= "end-stepping-range" then process.inferior:go_on(event.thread) end
        return nil
    end
    if not is_end and process.stays[event.thread] then
        process.deferred[#process.deferred + 1] = event
        return nil
    end
    processes.stop(self)
    if process.running and not is_end then return nil end -- it has ended, as the next wait tells
    return self:tell(process, event)
end

-- Stops all for gdb's Ctrl-C. Returns the stop reply, or nil: what ran has ended.
function Server:interrupt()
    local ran = {}
    for _, process in ipairs(processes.shown(self)) do
        if process.running then
            table.insert(ran, process == self.now and 1 or #ran + 1, process)
        end
    end
    processes.stop(self)
    while ran[1] and ran[1].running do table.remove(ran, 1) end
    if not ran[1] then return nil end
    self.running = false
    processes.turn_to(self, ran[1])
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

-- The threads that were to go have ended, and the others stay.
function Server:run_out()
    for _, process in ipairs(self.processes) do process.running = false end
    if not self.running then return nil end
    self.running = false
    return self.features["no-resumed"] and "N" or stops.present(self, self:thread())
end

-- Waits for what happens next to some inferiors, and for the peer. Returns as `listen`.
function Server:watch(awaited)
    local inferior, event, errno = inferiors.wait_any(awaited, nil, self.link.stream)
    if inferior then return self:handle(processes.of_inferior(self, inferior), event) end
    if errno == c.EAGAIN then return self:listen() end
    if errno == c.ECHILD then return self:run_out() end
    return false, event, errno
end

-- A packet that comes while threads run. gdb sends none but those that end it all.
function Server:answer_early(payload)
    local name = split(payload)
    if name ~= "k" and name ~= "vKill" and name ~= "D" then return nil end
    processes.stop(self)
    self.running = false
    return self:answer(payload)
end

-- ---- the conversation ---------------------------------------------------------------------------

-- Takes in what has come from the peer, or waits. Returns as `listen`.
function Server:next_reply()
    local awaited = processes.awaited(self)
    local kind, payload, errno = self.link:pending()
    if kind == false and #awaited > 0 then return self:watch(awaited) end
    if kind == false then kind, payload, errno = self.link:receive() end
    if kind == nil then return false, payload, errno end
    if kind == "interrupt" then return self.running and self:interrupt() or nil end
    if self.running then return self:answer_early(payload) end
    return self:answer(payload)
end

-- Does one thing. Returns true; or nil, message, errno when the peer is gone.
function Server:turn()
    local reply, why, errno = self:next_reply()
    if reply == false then return nil, why, errno end
    if not reply then return true end
    local ok
    ok, why, errno = self.link:send(reply)
    if self.ends_acks then self.link.acks = false end
    return ok, why, errno
end

--- Lets gdb debug an inferior, all of whose threads are stopped, until gdb detaches from it or
-- kills it, or until it ends; and so what it has forked, if gdb follows that. Then all threads are
-- stopped, gdb's breakpoints are gone, and the inferior is the caller's again.
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
    local served = processes.new(inferior)
    local self = setmetatable({ served = served, processes = { served }, limit = LIMIT,
        link = link.new(stream, LIMIT, true), description = description, features = {},
        followed = inferior:follows_fork(), files = {}, named = {}, passed = {}, object = {},
        attached = options.attached,
        fail = options.fail or function(error) message.say("gdb: internal error: %s", error) end },
        Server)
    processes.turn_to(self, served)
    local ok
    repeat ok, why, errno = self:turn() until not ok or self.outcome
    processes.leave(self)
    require "tiexec.gdb.server.files".close(self)
    local outcome = self.outcome or self.result
    if outcome then return table.unpack(outcome) end
    return nil, why, errno
end

return server
