-- SPDX-License-Identifier: Apache-2.0
-- For the specs that attach to running processes: a program with 64 threads, each in the midst of a system
-- call or of computing (tests/programs/waiting.c), and what the read-only memory of a process consists of.

local assert = require "luassert"
local cpu = require "tests.lib.cpu"
local support = require "tests.lib.support"

local attached = {}

-- The calls that any stop may end with EINTR, as signal(7) says. The tracer cannot always mend that.
local interrupted = { epoll = true, interrupted_epoll = true, sigtimedwait = true, semtimedop = true, receive = true }

--- Whether every system call did what it must, except that a stop may have ended some with EINTR.
function attached.is_right_but_interrupted(output)
    for kind, errno in output:gmatch("([%w_]+): wrong: errno (%d+)") do
        if not interrupted[kind] or errno ~= "4" then return false end
    end
    return true
end

--- What the threads of `loader blocked` tell, with each excusable EINTR replaced by what was expected. It can be
-- excused where this CPU's kernel forgets which call it stopped.
-- @string out what they told
-- @string plain what they tell when nobody stops them
function attached.without_interruptions(out, plain)
    for _, name in ipairs(cpu.forgets_calls and { "epoll_wait", "epoll_pwait", "epoll_wait timed", "recv timed",
        "sigtimedwait", "semtimedop" } or {}) do
        local line = plain:match("\n" .. name .. ": [^\n]*")
        out = out:gsub("\n" .. name .. ": %-1 EINTR early", function() return line end)
    end
    return out
end

local Busy = {}
Busy.__index = Busy

function Busy:__close()
    getmetatable(self.process).__close(self.process)
    getmetatable(self.folder).__close(self.folder)
end

--- Starts the program and waits until it is at work. Gives a value to be closed, with the field `pid`.
-- @tparam[opt] table words of a command before the program's
function attached.start(words)
    local folder = support.folder()
    local output = folder.path .. "/out"
    -- Some of its threads compute, and all other processes would wait for them where things take long.
    local command = support.patience > 1 and { "nice", "-n", "19" } or {}
    table.move(words or {}, 1, #(words or {}), #command + 1, command)
    command[#command + 1] = support.programs .. "waiting"
    local process = support.start(command, (">%s 2>&1 </dev/null"):format(output))
    assert(support.wait_for(function() return (support.read_file(output) or ""):find("ready\n", 1, true) end))
    local busy = setmetatable({ folder = folder, output = output, process = process, pid = process.pid }, Busy)
    if words or not support.is_congruent(busy.pid) then return busy end
    busy:__close()
    return attached.start()
end

--- Ends the program. Returns its exit status, which is 0 if every system call did what it must, and its output.
-- An EINTR that this CPU's kernel makes of a stop is no fault.
function Busy:finish()
    local code, output = self.process:stop("TERM"), support.read_file(self.output)
    if cpu.forgets_calls and code == 1 and attached.is_right_but_interrupted(output) then code = 0 end
    return code, output
end

--- Runs `tiexec WORDS… OPTION PID` on the process.
function Busy:tiexec(option, words)
    return support.run_tiexec(table.move({ option, tostring(self.pid) }, 1, 2, #(words or {}) + 1, words or {}))
end

--- The process's mappings as /proc/PID/maps writes them.
function Busy:maps() return support.read_file(("/proc/%d/maps"):format(self.pid)) end

-- The fields of smaps that say what holds a mapping's bytes, once all of them have been read.
local MEMORY <const> = { "Rss", "Anonymous", "AnonHugePages", "ShmemPmdMapped", "Shared_Hugetlb", "Private_Hugetlb",
    "Locked", "Swap" }

-- Each mapping of a file that cannot be written to: text, constants, and what was relocated.
local function of_files(pid)
    local list = {}
    for _, m in ipairs(support.smaps(pid)) do
        if m.perms:find("^r%-.p") and m.path:find("^/") then list[#list + 1] = m end
    end
    return list
end

--- The read-only memory of a process's files, as a list: `text`, where a mapping is and what holds it; `bytes`.
function attached.memory(pid)
    local list = {}
    local file <close> = assert(io.open(("/proc/%d/mem"):format(pid), "rb"))
    for i, m in ipairs(of_files(pid)) do
        file:seek("set", m.start)
        list[i] = { bytes = file:read(m.stop - m.start) }
    end
    for i, m in ipairs(of_files(pid)) do
        local words = { ("%x-%x %s %s:%s"):format(m.start, m.stop, m.perms, m.path, m.VmFlags) }
        for _, field in ipairs(MEMORY) do words[#words + 1] = ("%s %d"):format(field, m[field] or 0) end
        list[i].text = table.concat(words, " ")
    end
    return list
end

--- Asserts that the read-only memory of a process's files is as it was.
-- @tparam table before what `attached.memory` gave
function attached.same_memory(before, pid)
    local after = attached.memory(pid)
    for i, was in ipairs(before) do
        local is = after[i] or {}
        assert.equal(was.text, is.text)
        assert.is_true(was.bytes == is.bytes, "other bytes in " .. was.text)
    end
    assert.equal(#before, #after)
end

return attached
