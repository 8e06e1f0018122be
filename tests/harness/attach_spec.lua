-- SPDX-License-Identifier: Apache-2.0
-- Attaching to a process in mid-run: its threads notice nothing.

local attached = require "tests.lib.attached"
local core = require "tiexec.core"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local loader, library = support.programs .. "loader", support.programs .. "loadable"

local function assert_undisturbed(plain, out) assert.equal(plain, attached.without_interruptions(out, plain)) end

local function has_ended(process) return not process:is_alive() end

-- Starts a program with its output in a file; calls `disturb` with its process id `most` times, or until it ends.
-- Some system calls begin their timeouts anew each time: so there must be an end to it.
local function disturbed(words, disturb, most)
    local folder <close> = support.folder()
    local process <close> = support.start(words, ("</dev/null >%s/out 2>&1"):format(folder.path))
    local count = 0
    support.wait_for(function()
        if count < most and not has_ended(process) and disturb(process.pid) then count = count + 1 end
        return has_ended(process)
    end, 60)
    return support.read_file(folder.path .. "/out"), count
end

-- nil when the process has just become another program, or has ended.
local function attach(pid)
    local inferior = tiexec.attach(pid)
    if inferior and (core.readlink(("/proc/%d/exe"):format(pid)) or ""):find("loader$") then return inferior end
    if inferior then inferior:close() end
end

local ways = {
    ["and let go"] = function(pid)
        local inferior <close> = attach(pid)
        return inferior
    end,
    ["that make a system call, and are let go"] = function(pid)
        local inferior <close> = attach(pid)
        return inferior and inferior:remote_syscall("getpid")
    end,
    ["that make a system call, and are continued"] = function(pid)
        local inferior <close> = attach(pid)
        if not inferior or not inferior:remote_syscall("getpid") then return false end
        inferior:cont()
        inferior:wait(5)
        return true
    end,
}

-- Remote calls come to the same in each thread. The selected thread makes them, which is the last one with an event.
local function call_in(thread)
    return function(pid)
        local inferior <close> = attach(pid)
        local tid = inferior and inferior:threads()[thread]
        if not tid then return false end
        inferior:select(tid)
        assert.equal(tid, inferior:remote_syscall("gettid"))
        inferior:cont()
        inferior:wait(5)
        return true
    end
end

describe("attaching to", function()
    for name, disturb in pairs(ways) do
        it("threads in system calls " .. name, function()
            local words = { loader, "blocked", "2", library }
            local plain = support.run(words)
            local out, count = disturbed(words, disturb, support.rounds(60))
            assert_undisturbed(plain.out, out)
            assert.equal(support.rounds(60), count)
        end)
    end

    it("threads in system calls, each of which makes one", function()
        local words = { loader, "blocked", "2", library }
        local plain, n = support.run(words), 0
        local out, count = disturbed(words, function(pid)
            n = n % 17 + 1
            return call_in(n)(pid)
        end, support.rounds(51))
        assert_undisturbed(plain.out, out)
        assert.equal(support.rounds(51), count)
    end)

    it("a program that gets signals: each comes once, with what belongs to it, in order", function()
        local out, count = disturbed({ loader, "signals", "100000", library },
            ways["that make a system call, and are let go"], math.huge)
        assert.equal("arrived 100000 wrong 0\n", out)
        assert.is_true(count > 5)
    end)

    it("a stopped program leaves it stopped", function()
        local process <close> = support.start({ "sleep", "100" })
        local function state() return support.read_file(("/proc/%d/stat"):format(process.pid)):match("%) (%a)") end
        os.execute("kill -STOP " .. process.pid)
        assert(support.wait_for(function() return state() == "T" end))
        local inferior = assert(tiexec.attach(process.pid))
        assert.equal(process.pid, inferior:remote_syscall("getpid"))
        inferior:close()
        assert(support.wait_for(function() return state() == "T" end))
        os.execute("kill -CONT " .. process.pid)
        assert(support.wait_for(function() return state() == "S" end))
    end)

    it("a program whose threads come and go stops them all", function()
        local process <close> = support.start({ loader, "threads", "60" })
        -- The threads that are not in a tracer's stop, except those that are ending and have no memory.
        local function others()
            local list = {}
            for _, tid in ipairs(core.list_folder(("/proc/%d/task"):format(process.pid))) do
                local stat = support.read_file(("/proc/%d/task/%s/stat"):format(process.pid, tid)) or ""
                local runs = stat ~= "" and not stat:find("%) t") and core.status(math.tointeger(tid), "VmSize")
                if runs then list[#list + 1] = tid end
            end
            return list
        end
        local function newest()
            return tonumber(support.shell(("ls /proc/%d/task | sort -n | tail -1"):format(process.pid)).out)
        end
        assert(support.wait_for(function() return core.status(process.pid, "Threads") or 0 > 3 end))
        for _ = 1, support.rounds(50) do
            local inferior <close> = assert(tiexec.attach(process.pid))
            local last = newest()
            assert.truthy(support.wait_for(function() return #others() == 0 end), "some thread runs on")
            assert.is_true(newest() <= last) -- nobody has started one
            assert.is_true(#inferior:threads() > 0)
        end
    end)

    it("a program that is traced already, or is not there, gives an error", function()
        local process <close> = support.start({ "strace", "-o", "/dev/null", "sleep", "100" })
        local child = support.wait_for(function()
            return math.tointeger(support.shell("pgrep -P " .. process.pid).out:match("%d+"))
        end)
        assert(support.wait_for(function() return core.status(child, "TracerPid") == process.pid end))
        local inferior, _, errno = tiexec.attach(child)
        assert.is_nil(inferior)
        assert.equal(core.constants.EPERM, errno)
        os.execute("kill -KILL " .. child)
        assert.is_nil((tiexec.attach(4194304)))
    end)
end)
