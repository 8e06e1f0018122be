-- SPDX-License-Identifier: Apache-2.0
-- System calls: those of every thread, all or some of them.

local core = require "tiexec.core"
local points = require "tests.lib.points"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local c = core.constants
local GETPPID <const> = core.syscall_number "getppid"

-- Lets four threads make their calls. Gives how many entries of `number` were told, how many returns, in how many
-- threads, and how many stops of system calls there were at all.
local function count_calls(inferior, how, number)
    local entries, returns, threads, stops, inside = 0, 0, {}, 0, {}
    local _, last = points.run(inferior, function(event)
        if event.reason:find("^syscall") then stops = stops + 1 end
        if event.reason == "syscall-entry" and event.syscall == number then
            entries, inside[event.thread], threads[event.thread] = entries + 1, true, true
        elseif event.reason == "syscall-return" and inside[event.thread] then
            assert.equal(number, event.syscall)
            returns, inside[event.thread] = returns + 1, nil
        end
    end, how)
    local n = 0
    for _ in pairs(threads) do n = n + 1 end
    assert.equal(0, last.exit_code)
    return { entries, returns, n }, stops
end

describe("system calls", function()
    it("of every thread are told, on the way in and out", function()
        local inferior <close> = points.start("getppid", 100)
        assert.same({ 400, 400, 4 }, (count_calls(inferior, "syscall", GETPPID)))
    end)

    it("of threads that run are told from then on", function()
        local inferior <close> = points.start("getppid", 2000000)
        inferior:cont()
        assert(support.wait_for(function()
            inferior:wait(1)
            return #inferior:threads() == 5
        end))
        inferior:cont("syscall")
        local threads, n = {}, 0
        while n < 4 do
            local event = assert(inferior:wait(10000))
            if event.syscall == GETPPID and not threads[event.thread] then
                threads[event.thread], n = true, n + 1
            end
            inferior:cont("syscall")
        end
        inferior:kill()
    end)

    for _, way in ipairs { { "by a filter" }, { "without a filter", { filter = false } } } do
        it("are caught by name, and others are not told: " .. way[1], function()
            local inferior <close> = points.start("getppid", 100)
            assert(inferior:catch_syscalls({ "getppid" }, way[2]))
            local counts, stops = count_calls(inferior, nil, GETPPID)
            assert.same({ 400, 400, 4 }, counts)
            assert.equal(800, stops)
        end)
    end

    it("are caught by group and by number, and remote calls pass", function()
        local inferior <close> = assert(tiexec.launch { "cmp", "/proc/version", "/proc/version" })
        assert(inferior:catch_syscalls { "group:file", core.syscall_number "getpid" })
        local opened
        local _, last = points.run(inferior, function(event)
            if event.reason == "syscall-entry" then
                local before = inferior:registers("all")
                assert.equal(inferior:pid(), inferior:remote_syscall("getpid"))
                assert.same(before, inferior:registers("all"))
                opened = opened or event.syscall == core.syscall_number "openat"
                assert.not_equal(core.syscall_number "mmap", event.syscall)
            end
        end)
        assert.same({ 0, true }, { last.exit_code, opened })
    end)

    it("are caught of the processes that it starts, too", function()
        local inferior = assert(tiexec.launch { "sh", "-c", "/bin/true; exit 3" })
        assert(inferior:catch_syscalls { "execve" })
        local all, execs = { [inferior:pid()] = inferior }, 0
        inferior:cont()
        while next(all) do
            local which, event = assert(tiexec.wait_any(all, 10000))
            if event.syscall == core.syscall_number "execve" then execs = execs + 1 end
            if event.child then
                all[event.child] = assert(which:adopt(event.child))
                all[event.child]:cont()
            end
            if event.reason:find("^exited") then all[which:pid()] = nil else which:cont() end
        end
        assert.equal(1, execs)
    end)

    it("are not caught of a program that is let go: it is not let go, or killed", function()
        local inferior = assert(tiexec.launch { "sleep", "60" })
        local pid = inferior:pid()
        assert(inferior:catch_syscalls { "openat" })
        local none, _, errno = inferior:detach()
        assert.same({ nil, c.EOPNOTSUPP }, { none, errno })
        inferior:close()
        assert(support.wait_for(function()
            return not (support.read_file("/proc/" .. pid .. "/status") or "State: Z"):find("State:%s+[^Z]")
        end))
    end)

    it("of unknown names raise", function()
        local inferior <close> = assert(tiexec.launch { "sleep", "60" })
        assert.has_error(function() inferior:catch_syscalls { "no_such_call" } end)
        assert.has_error(function() inferior:catch_syscalls { "group:none" } end)
        assert.has_error(function() inferior:catch_syscalls "openat" end)
        inferior:kill()
    end)
end)

describe("a remote call", function()
    it("that cannot be made is refused by name, and the message says what can be done", function()
        local inferior <close> = assert(tiexec.launch { "sleep", "60" })
        for name, way in pairs { execve = "prepare_syscall", execveat = "prepare_syscall", exit = "prepare_syscall",
            exit_group = "prepare_syscall", clone3 = "fork", rt_sigreturn = "save",
            vfork = core.syscall_number "vfork" and "fork" or nil } do
            local none, why, errno = inferior:remote_syscall(name, 0)
            assert.same({ nil, c.EINVAL }, { none, errno })
            assert.matches("^" .. name .. ": .*" .. way, why)
        end
        assert.equal(c.EINVAL, select(3, inferior:remote_syscall("clone", 0x100)))
        local forks = { clone = { c.SIGCHLD, 0, 0, 0, 0 }, fork = core.syscall_number "fork" and {} or nil }
        for name, list in pairs(forks) do
            local none, why, errno = inferior:remote_syscall(name, table.unpack(list))
            assert.same({ nil, c.EINVAL }, { none, errno })
            assert.matches("^" .. name .. ": .*follow_fork", why)
        end
        local path = ("/proc/%d/task/%d/children"):format(inferior:pid(), inferior:pid())
        assert.equal("", support.read_file(path))
        assert.equal(inferior:pid(), inferior:remote_syscall("getpid"))
        inferior:kill()
    end)

    it("has the limit that a script sets", function()
        local inferior <close> = assert(tiexec.launch { "sleep", "60" })
        inferior:call_timeout(50)
        local time <close> = assert(inferior:lend(string.pack("jj", 3600, 0)))
        local none, _, errno = inferior:remote_syscall("nanosleep", time.address, 0)
        assert.same({ nil, c.ETIMEDOUT }, { none, errno })
        assert.equal(inferior:pid(), inferior:remote_syscall("getpid"))
        assert.has_error(function() inferior:call_timeout(-1) end)
        inferior:kill()
    end)
end)
