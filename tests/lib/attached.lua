-- SPDX-License-Identifier: Apache-2.0
-- For the specs that attach to running processes: a program with 64 threads, each of them in the midst of
-- something (tests/programs/waiting.c), and what the text of a process comes to in memory.

local assert = require "luassert"
local cpu = require "tests.lib.cpu"
local support = require "tests.lib.support"

local attached = {}

-- What signal(7) says of any stop, and the tracer cannot always mend: EINTR.
local interrupted = { epoll = true, interrupted_epoll = true, sigtimedwait = true, semtimedop = true, receive = true }

--- Whether no system call did anything else than it must, but for those that a stop may have ended.
function attached.is_right_but_interrupted(output)
    for kind, errno in output:gmatch("([%w_]+): wrong: errno (%d+)") do
        if not interrupted[kind] or errno ~= "4" then return false end
    end
    return true
end

--- What the threads of `loader blocked` tell, `out`, and tell when they are left alone, `plain`. Where the CPU's
-- kernel forgets which call it stopped, those that every stop ends may tell of EINTR: then what they should.
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

--- Starts it, by itself or behind `words`, and waits until it is at work. To be closed; `pid`.
function attached.start(words)
    local folder = support.folder()
    local output = folder.path .. "/out"
    -- some of its threads compute: where things take long, all others wait for them
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

--- Ends it. Returns its exit status, 0 if every system call did what it must, and what it said. What this CPU's
-- kernel makes of a call that any stop ends is no fault.
function Busy:finish()
    local code, output = self.process:stop("TERM"), support.read_file(self.output)
    if cpu.forgets_calls and code == 1 and attached.is_right_but_interrupted(output) then code = 0 end
    return code, output
end

--- Runs tiexec with an option on the process, and further words before.
function Busy:tiexec(option, words)
    return support.run_tiexec(table.move({ option, tostring(self.pid) }, 1, 2, #(words or {}) + 1, words or {}))
end

--- Its mappings as /proc/PID/maps writes them.
function Busy:maps() return support.read_file(("/proc/%d/maps"):format(self.pid)) end

-- Bytes in memory, by what holds them: what smaps says of a mapping once all of it has been read.
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

--- The read-only memory of a process's files: where it is mapped, what holds it, and its bytes.
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

--- Asserts that it is as it was.
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
