-- SPDX-License-Identifier: Apache-2.0
-- Random calls of the harness on programs that run errands (tests/programs/errands.c). None of them changes what a
-- program computes, but for those that end it. What may be looked at after each call is looked at.

local core = require "tiexec.core"
local packets = require "tiexec.gdb.packets"
local tiexec = require "tiexec"

local c = tiexec.constants
local calls = {}

local function pick(list) return list[math.random(#list)] end

local function chance(n) return math.random(n) == 1 end

-- ---- one program ----------------------------------------------------------------------------------

local Program = {}
Program.__index = Program

--- A program that is traced: `say(text)` writes to the log. `is_child`: it was forked by one.
function calls.program(inferior, say, is_child)
    return setmetatable({ inferior = inferior, say = say, is_child = is_child, points = {}, stale = {} }, Program)
end

-- The address of a symbol, and the bytes that the file has there.
local function place(self, name)
    local symbol, why, errno = self.inferior:lookup_symbol(name, "errands")
    if not symbol then
        assert(errno == c.ENOENT or errno == c.ESRCH or self.is_child, why)
        return nil
    end
    local at = symbol.address - symbol.object.bias
    for _, segment in ipairs(symbol.kind == "function" and symbol.object.segments or {}) do
        if segment.type == c.PT_LOAD and at >= segment.vaddr and at < segment.vaddr + segment.filesz then
            local file <close> = assert(io.open(symbol.object.path, "rb"))
            file:seek("set", segment.offset + at - segment.vaddr)
            return symbol.address, file:read(16)
        end
    end
    return symbol.address
end

-- What is known of the program's memory; false: it is another program now.
function Program:places()
    if self.known == nil then
        self.known = false
        local known = {}
        for _, name in ipairs { "marker", "add", "halve", "on_signal" } do
            local address, bytes = place(self, name)
            if not address then return nil end
            known[#known + 1] = { name = name, address = address, bytes = bytes }
        end
        for _, name in ipairs { "counter", "watched", "spare" } do
            known[name] = place(self, name)
            if not known[name] then return nil end
        end
        self.known = known
    end
    return self.known
end

function Program:thread()
    local all = self.inferior:threads()
    return all and #all > 0 and pick(all) or nil
end

-- ---- results --------------------------------------------------------------------------------------

-- What a call gives that may fail: its result, or nil if a reason was given.
local function checked(result, why, errno)
    if result == nil and not (type(why) == "string" and math.type(errno) == "integer") then
        error(("no reason is given: %s, %s"):format(tostring(why), tostring(errno)), 2)
    end
    return result, why, errno
end

-- The program has ended, or has become another.
local function note(self, event)
    if event.reason == "exec" then self.known = self.is_child and false or nil end
    if event.reason == "exec" then self.points, self.stale = {}, {} end
    if not event.reason:find("^exited") then return end
    self.ended = true
    if not self.is_child then
        self.say(("end %d %s %d"):format(self.pid, event.exit_code and "exit" or "signal",
            event.exit_code or event.signal))
    end
    if self.is_child and not self.is_killed and event.exit_code == nil then
        error("a child was killed by signal " .. event.signal)
    end
end

-- Takes an event in; `all` is the list of programs.
local function take(self, event, all)
    self.say(("  %s of %d%s"):format(event.reason, event.thread, event.condition_error and " " .. event.condition_error
        or event.syscall and " " .. event.syscall or event.signal_name and " " .. event.signal_name or ""))
    if event.signal_name == "SIGTRAP" then
        local info, pc = self.inferior:siginfo(event.thread), self.inferior:read_register("pc", event.thread)
        local where = info and pc and ("code %d, pc %s"):format(info.code, self.inferior:symbolize(pc))
        error("a trap is nobody's: " .. (where or event.reason))
    end
    note(self, event)
    if not event.child then return end
    local child = checked(self.inferior:adopt(event.child))
    if not child then return end
    if #all > 4 or chance(3) then return checked(child:detach()) end
    local program = calls.program(child, self.say, true)
    program.pid, program.is_vforked = event.child, event.reason == "vfork"
    all[#all + 1] = program
    checked(child:cont())
end

-- ---- the calls ------------------------------------------------------------------------------------

local scratched <const> = core.host().arch == "aarch64" and "x9" or "rbx"
local kinds <const> = { "software", "software", "hardware", "any" }

local ops = {}

local function op(weight, name, act)
    for _ = 1, weight do ops[#ops + 1] = { name = name, act = act } end
end

op(12, "wait", function(self, all)
    local event = checked(self.inferior:wait(pick { 0, 1, 5, 20 }))
    if event then take(self, event, all) end
end)

op(3, "wait_any", function(_, all)
    local list = {}
    for i, program in ipairs(all) do list[i] = program.inferior end
    local which, event = tiexec.wait_any(list, pick { 0, 2, 10 })
    for _, program in ipairs(which and all or {}) do
        if program.inferior == which then return take(program, event, all) end
    end
end)

op(14, "cont", function(self) checked(self.inferior:cont()) end)
op(1, "cont syscall", function(self) checked(self.inferior:cont("syscall")) end)
op(2, "cont one", function(self) checked(self.inferior:cont { thread = self:thread() }) end)
op(5, "stepi", function(self) checked(self.inferior:stepi()) end)
op(3, "stepi one", function(self) checked(self.inferior:stepi { thread = self:thread() }) end)
op(8, "interrupt", function(self) checked(self.inferior:interrupt(pick { 1000, 5000 })) end)

op(3, "select", function(self)
    local thread = self:thread()
    if thread then checked(self.inferior:select(thread)) end
end)

op(5, "breakpoint", function(self)
    if not self:places() then return end
    local options = { kind = pick(kinds), temporary = chance(4), ignore_count = pick { 0, 0, 3 },
        enabled = not chance(8) }
    if chance(4) then options.condition = function(_, event) return event.thread % 2 == 0 end end
    if chance(9) then options.condition = function(inferior) return inferior:no_such_method() end end
    if chance(6) then options.thread = self:thread() end
    self.points[#self.points + 1] = checked(self.inferior:breakpoint(pick(self:places()).address, options))
end)

op(2, "watch", function(self)
    if not self:places() then return end
    local name = pick { "counter", "watched", "spare" }
    local point = checked(self.inferior:watch(self:places()[name], pick { 1, 2, 4 }, pick { "write", "access" }))
    self.points[#self.points + 1] = point
end)

op(4, "delete", function(self)
    if #self.points == 0 then return end
    local point = table.remove(self.points, math.random(#self.points))
    self.stale[#self.stale + 1] = point
    checked(point:delete())
end)

op(1, "delete a stale handle", function(self)
    if #self.stale == 0 then return end
    local count = #self.inferior:breakpoints()
    local point = pick(self.stale)
    checked(point:delete())
    checked(point:enable(chance(2)))
    assert(not point:is_valid() and #self.inferior:breakpoints() == count, "a stale handle lives")
end)

op(2, "enable", function(self)
    if #self.points == 0 then return end
    local point = pick(self.points)
    checked(point:enable(chance(2)))
    if chance(3) then point.thread = self:thread() end
end)

op(2, "delete all", function(self)
    for _, point in ipairs(self.inferior:breakpoints()) do checked(point:delete()) end
    self.points = {}
end)

op(6, "read text", function(self)
    if not self:places() then return end
    local one = pick(self:places())
    local bytes = checked(self.inferior:read_memory(one.address, #one.bytes))
    assert(not bytes or bytes == one.bytes, "a trap is seen in memory")
end)

op(2, "write text", function(self)
    if not self:places() then return end
    local one = pick(self:places())
    checked(self.inferior:write_memory(one.address + 1, one.bytes:sub(2, 9)))
end)

op(2, "values", function(self)
    if not self:places() then return end
    local spare = self:places().spare + 64 * math.random(0, 9)
    local value = math.random(0)
    if checked(self.inferior:write_i64(spare + 8, value)) then
        assert(checked(self.inferior:read_i64(spare + 8)) == value, "what was written is not there")
    end
    checked(self.inferior:read_string(spare, 100))
end)

op(1, "search", function(self)
    if not self:places() then return end
    local one = self:places()[1]
    local at, why = self.inferior:search_memory(one.address, 64, one.bytes)
    assert(at == one.address or why, "text is not found")
end)

op(4, "registers", function(self)
    local thread = self:thread()
    checked(self.inferior:registers(pick { "general", "float", "all" }, thread))
    for _, name in ipairs { "pc", "sp" } do
        local value = checked(self.inferior:read_register(name, thread))
        if value then checked(self.inferior:write_register(name, value, thread)) end
    end
end)

op(3, "save and restore", function(self)
    local thread = self:thread()
    local saved <close> = checked(self.inferior:save(thread))
    if not saved then return end
    checked(self.inferior:select(thread))
    checked(self.inferior:remote_syscall("getppid"))
    checked(self.inferior:write_register(scratched, 1, thread))
end)

op(4, "remote_syscall", function(self)
    local result = checked(self.inferior:remote_syscall("getpid"))
    assert(not result or result == self.pid, "another process id")
    checked(self.inferior:remote_syscall("openat", c.AT_FDCWD, "/none", c.O_RDONLY, 0))
    local buffer = tiexec.buffer(16)
    checked(self.inferior:remote_syscall(pick { "getrandom", "getcwd" }, buffer, 16))
end)

op(2, "a call that is refused", function(self)
    checked(self.inferior:remote_syscall(pick { "execve", "vfork", "exit_group", "rt_sigreturn" }))
    checked(self.inferior:remote_syscall("clone", 0x100))
end)

op(3, "call", function(self)
    if not self:places() then return end
    local a, b = math.random(-1000, 1000), math.random(0, 9)
    local sum = checked(self.inferior:call({ "add", returns = "i32" }, a, b))
    assert(not sum or sum == a + b, "a call gives something else")
    local half = checked(self.inferior:call({ "halve", returns = "double" }, 5.0))
    assert(not half or half == 2.5, "a call gives another double")
end)

op(1, "scratch", function(self)
    local scratch <close> = checked(self.inferior:scratch(pick { 4096, 65536 }))
    if scratch then checked(self.inferior:write_memory(scratch.address, ("x"):rep(scratch.size))) end
end)

op(2, "snapshot", function(self)
    if not self:places() or not checked(self.inferior:interrupt(5000)) then return end
    local spare, marker = self:places().spare & -4096, self:places()[1].address & -4096
    local snapshot = checked(self.inferior:snapshot { { start = spare, stop = spare + 4096 },
        { start = marker, stop = marker + 4096 } })
    if not snapshot then return end
    checked(self.inferior:write_u8(self:places().spare + 100, math.random(0, 255)))
    checked(snapshot:differences(pick { 1, 4096 }))
    if chance(2) then checked(snapshot:restore()) end
end)

-- gdb says which signal a thread is to go on with: what has stopped one would be lost.
local function has_signal(inferior)
    for _, thread in ipairs(inferior:threads()) do
        if inferior:stop_reason(thread) == "signal-received" then return true end
    end
    return false
end

op(1, "serve", function(self)
    if not self.inferior:interrupt(5000) or has_signal(self.inferior) then return end
    -- USR1, USR2 and CHLD are passed on.
    local list = { pick { "qSupported:swbreak+",
        "qSupported:swbreak+;multiprocess+;fork-events+;vfork-events+" }, "QPassSignals:14;1e;1f", "?", "vCont?", "g",
        pick { "vCont;c", "vCont;s", "vCont;s:1;c" }, "\3", "?" }
    if self:places() and chance(2) then
        table.insert(list, 3, ("Z0,%x,1"):format(pick(self:places()).address))
    end
    if chance(2) then list[#list + 1] = "D" end
    for i, payload in ipairs(list) do list[i] = payload == "\3" and payload or packets.frame(payload) end
    local command = "printf '" .. table.concat(list):gsub("%%", "%%%%"):gsub("\3", "\\003") .. "'"
    local peer <close> = assert(core.stream_spawn(command))
    local outcome, event = self.inferior:serve(peer)
    if outcome == "exited" then note(self, event) end
    if outcome == nil then checked(outcome, event, c.EPIPE) end
    self.points = {}
end)

op(2, "what it looks like", function(self)
    local thread = self:thread()
    if thread then checked(self.inferior:stop_reason(thread)) end
    checked(self.inferior:siginfo(self:thread()))
    checked(self.inferior:backtrace(self:thread(), { limit = 5, by = chance(2) and "frame-pointers" or nil }))
    local pc = checked(self.inferior:read_register("pc"))
    if pc then checked(self.inferior:symbolize(pc)) end
    checked(self.inferior:mappings())
    checked(self.inferior:sigmask())
end)

op(1, "switches", function(self)
    checked(self.inferior:follow_fork(chance(2), chance(2)))
    self.inferior:pass_signals(chance(2))
    self.inferior:keep_signals(chance(2))
    checked(self.inferior:exit_kill(false))
end)

op(1, "catch_syscalls", function(self)
    local list = pick { { "getppid", "group:file" }, { "nanosleep", "clock_nanosleep" }, { "mmap" } }
    checked(self.inferior:catch_syscalls(chance(2) and list or nil, { filter = false }))
end)

op(1, "core", function(self, _, folder)
    checked(self.inferior:core(folder .. "/core"))
end)

op(1, "detach, and attach again", function(self, all)
    for i, program in ipairs(all) do
        if program == self then table.remove(all, i) end
    end
    local ok, why, errno = self.inferior:detach(5000)
    if not ok and errno ~= c.ESRCH then error("it is not let go: " .. why) end
    if not ok or self.is_child then return end
    local again, refused, number = tiexec.attach(self.pid, 2000)
    if not again then
        -- One that waits in vfork for a child which is held here cannot be stopped.
        if number ~= c.ESRCH and not (number == c.ETIMEDOUT and #all > 0) then
            error("it is not attached to again: " .. refused)
        end
        return
    end
    local program = calls.program(again, self.say)
    program.pid = self.pid
    for _, point in ipairs(self.points) do program.stale[#program.stale + 1] = point end
    all[#all + 1] = program
end)

op(1, "use what is closed", function(self)
    local inferior = self.inferior
    if not self.ended then return end
    checked(inferior:cont())
    checked(inferior:wait(0))
    checked(inferior:read_memory(4096, 1))
end)

--- Makes one random call on one of the programs. Raises if it is not as it must be.
function calls.make(all, say, folder)
    local program, one = pick(all), pick(ops)
    say(("%d %s"):format(program.pid, one.name))
    one.act(program, all, folder)
    for i = #all, 1, -1 do
        if all[i].ended and chance(3) then table.remove(all, i) end
    end
end

return calls
