-- SPDX-License-Identifier: Apache-2.0
--- Stopping a program at its entry point, when the dynamic linker has done its work.
--
-- The dynamic linker jumps to where AT_ENTRY in the auxiliary vector on the stack says. So AT_ENTRY is
-- set to a place in its own text that happens to be a trap instruction: the jump traps, and the tracer
-- sees it. No text is written and no debug register is used: to arm one the kernel may wait for an RCU
-- grace period, 10 to 30 ms on an idle host (perf_sched_events, Linux 6.18). Where that is not possible,
-- a breakpoint.

local auxv = require "tiexec.harness.auxv"
local core = require "tiexec.core"
local ranges = require "tiexec.base.ranges"

local c = core.constants
local entry = {}

local WORD <const> = 8

local Entry = {}
Entry.__index = Entry

local SIGTRAP <const> = c.SIGTRAP

-- A trap is a signal sent by force: the kernel unblocks it, and forgets that it was ignored
-- (force_sig). So note how it was, to put it back.
local function note_signal(self)
    local bit = 1 << (SIGTRAP - 1)
    local mask = self.inferior:sigmask()
    local status = core.read_file(("/proc/%d/status"):format(self.inferior:pid())) or ""
    local function has(set) return tonumber(status:match(set .. ":%s*(%x+)") or "0", 16) & bit ~= 0 end
    self.pending = has("SigPnd") -- one that is pending already takes the place of the trap's
    self.blocked = mask and mask & bit ~= 0
    self.ignored = has("SigIgn")
end

local function ignore_signal(inferior, signal)
    local SIG_IGN <const>, SIZE <const> = 1, 64 -- flags and mask are zero
    local action <close> = inferior:lend(string.pack("j", SIG_IGN) .. ("\0"):rep(SIZE - WORD))
    if action then inferior:remote_syscall("rt_sigaction", signal, action.address, 0, WORD) end
end

local function restore_signal(self)
    if self.ignored then ignore_signal(self.inferior, SIGTRAP) end
    local mask = self.blocked and self.inferior:sigmask()
    if mask then self.inferior:sigmask(mask | 1 << (SIGTRAP - 1)) end
    if self.pending then
        local call = self.inferior.remote_syscall
        local pid, tid = call(self.inferior, "getpid"), call(self.inferior, "gettid")
        call(self.inferior, "tgkill", pid, tid, SIGTRAP)
    end
end

-- The first place of an instruction in a mapping; or nil.
local function find_instruction(inferior, mapping, insn, align)
    local at = mapping.start
    repeat
        at = inferior:search_memory(at, mapping.stop - at, insn)
        if at and at % align == 0 then return at end
        at = at and at + 1
    until not at
end

-- A place in the dynamic linker's text that traps when it is jumped to. Its address is no number that a
-- program would have by chance.
local function find_trap(inferior, linker)
    local insns, advance, align = core.trap_instructions()
    for _, insn in ipairs(insns) do
        local at = find_instruction(inferior, linker, insn, align)
        if at then return at, advance end
    end
end

--- Arranges that the program stops at its entry point.
-- @param inferior stopped at its exec
-- @tparam table mappings of it; the executable may have been moved since
-- @treturn[1] table `reached`: it is there already (a static program); else ask `is_reached` of events, and `linker`
-- is the dynamic linker's path
-- @treturn[2] nil, string why
function entry.arrange(inferior, mappings)
    local pc, _, errno = inferior:read_register("pc")
    if errno == c.ENOEXEC then return nil, "it is a 32-bit program" end
    local address = (inferior:auxv() or {}).AT_ENTRY
    if not pc or not address then return nil, "its entry point is not known" end
    local self = setmetatable({ inferior = inferior, address = address, reached = pc == address }, Entry)
    if self.reached then return self end
    note_signal(self)
    local linker = ranges.find(mappings, pc) -- a program's first instruction is the dynamic linker's
    if linker then
        self.linker = linker.path
        self.place = auxv.place_of(inferior, auxv.AT_ENTRY, mappings)
        self.trap, self.advance = find_trap(inferior, linker)
    end
    if self.place and self.trap and inferior:follow_fork(true)
        and inferior:write_memory(self.place, string.pack("j", self.trap)) then
        self.reading = true
        return self
    end
    self.place = nil
    local why
    self.breakpoint, why = inferior:breakpoint(address)
    if not self.breakpoint then return nil, why end
    return self
end

-- Registers that lead to the trap are made to lead to the entry point: the dynamic linker keeps a copy.
local function mend_registers(self, inferior)
    for name, value in pairs(inferior:registers() or {}) do
        if value == self.trap then inferior:write_register(name, self.address) end
    end
end

-- A dynamic linker has copied the vector for itself by the time it asks for its first file (glibc and
-- musl). From then on the one on the stack is for constructors to read.
local asks = {}
for _, name in ipairs { "access", "faccessat", "open", "openat", "readlink", "readlinkat" } do
    asks[core.syscall_number(name) or -1] = true
end
local MANY <const> = 32 -- stops: then the linker is of an unknown kind

--- Takes in the stop of a system call, while `self.reading`.
function Entry:at_syscall(event)
    self.stops = (self.stops or 0) + 1
    local over = event.reason == "syscall-entry" and asks[event.syscall]
    if over then self.inferior:write_memory(self.place, string.pack("j", self.address)) end
    self.reading = not over and self.stops < MANY
end

--- A constructor of a library has forked. The child goes the same way to the entry point, but is not expected
-- there: every word of its stack and registers that leads to the trap is made to lead to the entry point.
-- @param child inferior, with a memory of its own
function Entry:mend_child(child)
    if not self.place then return end
    local sp, top = auxv.stack(child)
    local trap, address = string.pack("j", self.trap), string.pack("j", self.address)
    local at = sp
    while at do
        at = child:search_memory(at, top - at, trap)
        if at then child:write_memory(at, address) end
    end
    mend_registers(self, child)
    child:write_memory(self.place, address)
end

--- Whether an event says that the entry point is reached. If so, all is as it would be there.
function Entry:is_reached(event)
    local inferior = self.inferior
    if self.place then
        local pc = event.signal == SIGTRAP and inferior:read_register("pc")
        if pc ~= self.trap + self.advance then return false end
        -- with another pc it would go on in the midst of the dynamic linker
        if not inferior:write_register("pc", self.address) then inferior:kill() end
        inferior:write_memory(self.place, string.pack("j", self.address))
        mend_registers(self, inferior)
        inferior:drop_signal()
        inferior:follow_fork(false)
    elseif event.reason == "breakpoint-hit" then
        self.breakpoint:delete()
    else
        return false
    end
    self.reached = true
    restore_signal(self)
    return true
end

--- Takes in an event on the way to the entry point. A child that a constructor forks is mended and let go.
-- @treturn boolean whether the entry point is reached
function Entry:take(event)
    if event.reason == "fork" or event.reason == "vfork" then
        local child <close> = self.inferior:adopt(event.child)
        if child and event.reason == "fork" then self:mend_child(child) end
        return false
    end
    if event.reason:find("^syscall") then
        if self.reading then self:at_syscall(event) end
        return false
    end
    return self:is_reached(event)
end

--- Runs a program to its entry point, where its libraries are mapped, and nothing of it has run but their
-- constructors.
-- @param inferior stopped at its exec
-- @int timeout milliseconds between two events, at most
-- @treturn[1] boolean true
-- @treturn[2] nil, string why the entry point was not reached
function entry.run(inferior, timeout)
    local mappings, why = inferior:mappings()
    if not mappings then return nil, why end
    local self
    self, why = entry.arrange(inferior, mappings)
    if not self then return nil, why end
    while not self.reached do
        local ok
        ok, why = inferior:cont(self.reading and "syscall" or "freely")
        if not ok then return nil, why end
        local event
        event, why = inferior:wait(timeout)
        if not event then return nil, why end
        if event.reason:find("^exited") then return nil, "it ended before its entry point" end
        if event.reason == "exec" then return nil, "it became another program before its entry point" end
        self:take(event)
    end
    return true
end

--- Puts AT_ENTRY back, if the entry point was not reached.
function Entry:cancel()
    if self.place and not self.reached then
        self.inferior:write_memory(self.place, string.pack("j", self.address))
    end
end

return entry
