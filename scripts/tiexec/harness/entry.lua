-- SPDX-License-Identifier: Apache-2.0
--- Stopping a program at its entry point, when the dynamic linker has done its work.
--
-- The dynamic linker jumps to the address that AT_ENTRY has in the auxiliary vector on the
-- stack. So AT_ENTRY is set to the address of a trap: bytes in the dynamic linker's own text
-- that happen to be a trap instruction. The jump traps, and the tracer sees it. No text is
-- written, and no debug register is used: to arm one the kernel may wait for an RCU grace
-- period, which takes 10 to 30 ms on an idle host (perf_sched_events, Linux 6.18). If the vector
-- or a trap is not found, a breakpoint serves.

local auxv = require "tiexec.harness.auxv"
local codes = require "tiexec.base.codes"
local core = require "tiexec.core"
local ranges = require "tiexec.base.ranges"
local status = require "tiexec.harness.status"

local c = core.constants
local entry = {}

local WORD <const> = 8
local SIGTRAP <const> = c.SIGTRAP

-- The way of one program to its entry point (class Entry). `address` is the entry point, `place`
-- the address of AT_ENTRY's value on the stack, `trap` the address of the trap, `advance` how
-- many bytes the pc is beyond the trap when it has trapped. Without `place` there is a
-- `breakpoint` instead.
local Entry = {}
Entry.__index = Entry

-- For a trap the kernel forces SIGTRAP on the thread: it unblocks the signal, and no longer ignores
-- it (force_sig). So its state is noted before, and is put back later.
local function note_signal(self)
    local bit = 1 << (SIGTRAP - 1)
    local mask = self.inferior:sigmask()
    local text = status.read(self.inferior:pid())
    local function has(set) return (status.field(text, set, 16) or 0) & bit ~= 0 end
    self.pending = has("SigPnd") -- the trap's signal is lost in one that is pending already
    self.blocked = mask and mask & bit ~= 0
    self.ignored = has("SigIgn")
end

local function ignore_signal(inferior, signal)
    -- the kernel's struct sigaction: the handler, then flags and mask, which are zero
    local SIG_IGN <const>, SIZE <const> = 1, 64
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

-- Gives the address of the first such instruction in a mapping, or nil. Instructions begin at
-- multiples of `align`.
local function find_instruction(inferior, mapping, insn, align)
    local at = mapping.start
    repeat
        at = inferior:search_memory(at, mapping.stop - at, insn)
        if at and at % align == 0 then return at end
        at = at and at + 1
    until not at
end

-- Gives the address of a trap in the dynamic linker's text, and its `advance`; or nil.
local function find_trap(inferior, linker)
    local insns, advance, align = core.trap_instructions()
    for _, insn in ipairs(insns) do
        local at = find_instruction(inferior, linker, insn, align)
        if at then return at, advance end
    end
end

--- Arranges that a program stops at its entry point.
-- @tparam Inferior inferior stopped at its exec
-- @tparam table mappings list of Mapping, read at this exec; the executable may have been moved
-- since
-- @treturn[1] Entry `reached` is true if the program is at its entry point already, as a static
-- program is. Else every event must be given to the Entry. `linker` is the path of the dynamic
-- linker; while `reading` is true, the program must stop at its system calls.
-- @treturn[2] nil, string why the program cannot be stopped there
function entry.arrange(inferior, mappings)
    local pc, _, errno = inferior:read_register("pc")
    if errno == c.ENOEXEC then return nil, codes.words("32-bit") end
    local vector = auxv.read(inferior)
    local address = auxv.value(vector, auxv.AT_ENTRY)
    if not pc or not address then return nil, codes.words("no-entry-point") end
    local self = setmetatable({ inferior = inferior, address = address,
        reached = pc == address }, Entry)
    if self.reached then return self end
    note_signal(self)
    local linker = ranges.find(mappings, pc) -- the first instruction is the dynamic linker's
    if linker then
        self.linker = linker.path
        self.place = auxv.place_of(inferior, auxv.AT_ENTRY, vector, mappings)
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

-- Replaces the trap's address in the registers, since the dynamic linker keeps copies of AT_ENTRY.
-- No program has an address in the dynamic linker's text by chance.
local function mend_registers(self, inferior)
    for name, value in pairs(inferior:registers() or {}) do
        if value == self.trap then inferior:write_register(name, self.address) end
    end
end

-- The dynamic linkers of glibc and musl have copied the vector when they ask for their first file.
-- From then on only constructors read the vector on the stack. glibc's has done so before its first
-- system call, which is brk.
local BRK <const> = core.syscall_number("brk")
local file_calls = {}
for _, name in ipairs { "access", "faccessat", "open", "openat", "readlink", "readlinkat" } do
    file_calls[core.syscall_number(name) or -1] = true
end
local MAX_STOPS <const> = 32 -- a linker that has asked for no file by then is of an unknown kind

local function is_glibc(path)
    local name = path:match("[^/]*$")
    return name:find("^ld%-linux") ~= nil or name:find("^ld%-%d") ~= nil
end

--- Handles the stop of a system call, while `reading` is true. Ends `reading` when the dynamic
-- linker has copied the vector, and puts AT_ENTRY back then.
-- @tparam Event event
function Entry:at_syscall(event)
    self.stops = (self.stops or 0) + 1
    local has_copied = event.reason == "syscall-entry" and (file_calls[event.syscall]
        or event.syscall == BRK and is_glibc(self.linker))
    if has_copied then self.inferior:write_memory(self.place, string.pack("j", self.address)) end
    self.reading = not has_copied and self.stops < MAX_STOPS
end

--- Mends a child that a constructor of a library has forked. The child goes the same way to the
-- entry point, but nobody waits for its trap. So the trap's address is replaced by the entry
-- point in every word of the child's stack and registers.
-- @tparam Inferior child a process with memory of its own, stopped
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

--- Tells whether the program has reached its entry point. If so, AT_ENTRY, the pc, the registers
-- and SIGTRAP are put right.
-- @tparam Event event
-- @treturn boolean
function Entry:is_reached(event)
    local inferior = self.inferior
    if self.place then
        local pc = event.signal == SIGTRAP and inferior:read_register("pc")
        if pc ~= self.trap + self.advance then return false end
        -- with another pc the program would go on in the midst of the dynamic linker
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

--- Handles an event on the way to the entry point. A child that a constructor forks is mended and
-- released.
-- @tparam Event event
-- @treturn boolean whether the program has reached its entry point
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

--- Runs a program to its entry point. There its libraries are mapped, and their constructors have
-- run, but nothing else of the program has.
-- @tparam Inferior inferior stopped at its exec
-- @int timeout milliseconds to wait for each event
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
        if event.reason == "exec" then
            return nil, "it became another program before its entry point"
        end
        self:take(event)
    end
    return true
end

--- Puts AT_ENTRY back, unless the program has reached its entry point.
function Entry:cancel()
    if self.place and not self.reached then
        self.inferior:write_memory(self.place, string.pack("j", self.address))
    end
end

return entry
