-- SPDX-License-Identifier: Apache-2.0
--- A client of GDB's remote protocol: what a stub has, with the methods of an inferior. Stubs are
-- gdbserver, `qemu-CPU -g PORT`, `qemu-system-CPU -gdb tcp::PORT`, `tiexec --gdb`, and others.

local core = require "tiexec.core"
local link = require "tiexec.gdb.link"
local stops = require "tiexec.gdb.client.stops"
local stream = require "tiexec.gdb.stream"
local target = require "tiexec.gdb.client.target"
local values = require "tiexec.harness.values"
local wire = require "tiexec.gdb.client.wire"

local c = core.constants
local client = {}

local TIMEOUT_MS <const> = 10000
local LIMIT <const> = 1 << 20 -- bytes of a packet that the stub may send
local SMALLEST <const> = 256 -- bytes of a packet that any stub takes
local FEATURES <const> = "qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+;exec-events+;"
    .. "no-resumed+;xmlRegisters=i386"

local Remote = {}
local methods = {}

for _, module in ipairs { values.methods, require "tiexec.gdb.client.facts",
    require "tiexec.gdb.client.memory", require "tiexec.gdb.client.points",
    require "tiexec.gdb.client.registers", require "tiexec.gdb.client.running",
    (require "tiexec.gdb.client.symbols") } do
    for name, method in pairs(module) do methods[name] = method end
end

-- What an inferior can and no packet does.
for _, name in ipairs { "remote_syscall", "call", "prepare_syscall", "scratch", "lend", "snapshot",
    "save", "core", "objects", "backtrace", "take_file", "remote_open", "seccomp_action",
    "copy_memory", "sigmask", "follow_fork", "adopt", "serve", "quit" } do
    methods[name] = function()
        return nil, name .. ": GDB's remote protocol has no packet for that", c.EOPNOTSUPP
    end
end

--- Lets the process go, without breakpoints, and closes the connection.
-- @treturn[1] boolean true
-- @treturn[2] nil, message, errno
function methods:detach()
    local ok, why, errno = self:interrupt()
    if not ok then return nil, why, errno end
    for id in pairs(self.own_points) do self:remove_point(id) end
    local pid = self.multiprocess and self.process
    ok, why, errno = wire.order(self, pid and ("D;%x"):format(pid) or "D")
    self.ended = true
    self.stream:close()
    return ok, why, errno
end

--- Kills the process.
-- @treturn[1] boolean true
-- @treturn[2] nil, message, errno
function methods:kill()
    local ok, why, errno = self:interrupt()
    if not ok then return nil, why, errno end
    ok, why, errno = wire.order(self, ("vKill;%x"):format(self.process or 1))
    if not ok and errno == c.EOPNOTSUPP then ok, why, errno = self.link:send("k") end
    self.ended = ok and true or self.ended
    return ok and true or nil, why, errno
end

--- Closes the connection: what becomes of the process is the stub's affair.
-- @usage
-- local remote = assert(tiexec.connect("| gdbserver - ./example 2>/dev/null"))
-- remote:close()
-- print((pcall(remote.threads, remote))) --> false
function methods:close()
    self.ended = true
    self.stream:close()
end

Remote.__index = methods
Remote.__close = methods.close
Remote.__gc = methods.close
Remote.__name = "tiexec.remote"

-- ---- connecting ---------------------------------------------------------------------------------

-- Notes what the stub can do.
local function greet(self)
    local reply, why, errno = wire.ask(self, FEATURES)
    if not reply and errno ~= c.EOPNOTSUPP then return nil, why, errno end
    for word in (reply or ""):gmatch("[^;]+") do
        local name, value = word:match("^([^=]+)=(.*)$")
        if name == "PacketSize" then
            local size = tonumber(value, 16)
            if size then self.limit = math.max(SMALLEST, math.min(size, LIMIT)) end
        elseif word:sub(-1) == "+" then
            self.features[word:sub(1, -2)] = true
        end
    end
    self.multiprocess = self.features.multiprocess
    if self.features.QStartNoAckMode and wire.order(self, "QStartNoAckMode") then
        self.link.acks = false
    end
    return true
end

-- Finds out where the stub stands.
local function look(self)
    local reply, why, errno = wire.ask(self, "?")
    if not reply then return nil, why, errno end
    self.target, why, errno = target.of(self)
    if not self.target then return nil, why, errno end
    if not self.target.by_name.pc then return nil, "the stub has no register pc", c.EPROTO end
    local present = wire.ask(self, "qC")
    local thread = reply:match("thread:([^;]*);") or present and present:match("^QC(.*)$")
    self.selected = thread and wire.thread(self, thread) or 1
    local can = wire.ask(self, "vCont?")
    self.has_vcont = can ~= nil and can:find("^vCont;") ~= nil
    if reply:find("^[WX]") then
        self.pending = stops.of(self, reply)
        self.ended = true
    end
    return true
end

--- Connects to a stub of GDB's remote protocol, whose process is stopped then. What it gives has
-- the methods of an inferior, as far as the stub can: where it lacks a packet they give nil, the
-- packet's name and EOPNOTSUPP. When a thread stops all do. Besides, there are `exec_file()`,
-- `libraries()` and `read_file(path)`, of the stub's host.
-- @string where "HOST:PORT", "PORT", the path of a socket, or "| command", whose standard input and
-- output are the stub's
-- @tparam[opt] table options `timeout`: milliseconds that a reply may take (10000); `file`: the
-- program's file, where the stub does not tell; `order`: ">" for a big-endian CPU; `output(text)`
-- is called with what the program writes by way of the stub
-- @function tiexec.connect
-- @treturn[1] Remote
-- @treturn[2] nil, message, errno (ECONNREFUSED: nobody listens; ETIMEDOUT: no reply; EPROTO: what
-- answers is no stub)
-- @usage
-- local remote <close> = assert(tiexec.connect("| gdbserver - ./example 2>/dev/null"))
-- print(remote:advance("main").reason) --> breakpoint-hit
-- print(remote:symbolize(remote:read_register("pc"))) --> main
-- remote:kill()
function client.connect(where, options)
    options = options or {}
    local timeout = options.timeout or TIMEOUT_MS
    local peer, why, errno = stream.connect(where, timeout)
    if not peer then return nil, why, errno end
    local self = setmetatable({ stream = peer, link = link.new(peer, LIMIT), features = {},
        limit = SMALLEST, timeout = timeout, order = options.order or "<", file = options.file,
        output = options.output, ids = {}, kept = {}, own_points = {}, places = {}, last_point = 0,
        breakpoint_size = 1 }, Remote)
    local ok
    ok, why, errno = greet(self)
    if ok then ok, why, errno = look(self) end
    if not ok then
        peer:close()
        return nil, ("%s: %s"):format(where, why), errno
    end
    if self.target.architecture:find("^aarch64") or self.target.architecture:find("^arm") then
        self.breakpoint_size, self.stops_before = 4, true
    end
    return self
end

return client
