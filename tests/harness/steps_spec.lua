-- SPDX-License-Identifier: Apache-2.0
-- Steps of one instruction, over whatever instruction; one thread alone.

local core = require "tiexec.core"
local points = require "tests.lib.points"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local c = core.constants

describe("a step", function()
    it("is one instruction, through a whole program, system calls included", function()
        local inferior <close> = points.start("odd")
        assert(inferior:breakpoint(points.address "be_odd"))
        inferior:cont()
        assert.equal("breakpoint-hit", inferior:wait(10000).reason)
        local event, last
        for _ = 1, 200000 do
            last = event
            inferior:stepi()
            event = assert(inferior:wait(10000))
            if event.reason ~= "end-stepping-range" then break end
        end
        assert.equal("end-stepping-range", last.reason)
        assert.same({ "exited", 6 }, { event.reason, event.exit_code })
    end)

    for _, kind in ipairs { "software", "hardware" } do
        it("past a breakpoint on an odd instruction does what the instruction does: " .. kind, function()
            local inferior <close> = points.start("odd")
            assert(inferior:breakpoint(points.address "odd_copy", kind))
            assert(inferior:breakpoint(points.address "odd_flags", kind))
            local reasons, last = points.run(inferior)
            assert.equal(6, last.exit_code)
            assert.is_true(reasons["breakpoint-hit"] == 2)
        end)
    end

    it("over a system call that is interrupted leaves no signal behind", function()
        local inferior <close> = assert(tiexec.launch { { "sleep", "0.2" }, stdout = false })
        local event
        repeat
            inferior:cont("syscall")
            event = assert(inferior:wait(20000))
        until event.reason == "syscall-entry" and event.syscall == core.syscall_number "clock_nanosleep"
        assert(inferior:stepi())
        assert.equal(c.ETIMEDOUT, select(3, inferior:wait(0)))
        assert(inferior:interrupt())
        local reasons, last = points.run(inferior)
        assert.same({ 0, "exited", 0 }, { reasons["signal-received"], last.reason, last.exit_code })
    end)

    -- The next event, but for the ends of threads.
    local function next_event(inferior)
        local event
        repeat event = assert(inferior:wait(20000)) until event.reason ~= "thread-exited"
        return event
    end

    it("at a signal leads to the first instruction of its handler", function()
        for _, stops in ipairs { "end-stepping-range", "breakpoint-hit" } do
            local inferior <close> = assert(tiexec.launch { { support.programs .. "debuggee" }, stdout = false })
            inferior:cont()
            assert.equal("SIGUSR1", next_event(inferior).signal_name)
            local handler = assert(inferior:symbol "on_signal")
            if stops == "breakpoint-hit" then assert(inferior:breakpoint(handler, "software")) end
            assert(inferior:stepi())
            assert.equal(stops, next_event(inferior).reason)
            assert.equal(handler, inferior:read_register("pc"))
            local _, last = points.run(inferior)
            assert.equal(5, last.exit_code)
        end
    end)

    it("of one thread alone leaves the others where they are", function()
        local inferior <close> = points.start "spin"
        assert(inferior:breakpoint(points.address "marker", { ignore_count = 20 }))
        inferior:cont()
        local thread = inferior:wait(10000).thread
        assert(inferior:interrupt())
        inferior:breakpoints()[1]:delete()
        local function places()
            local list = {}
            for _, tid in ipairs(inferior:threads()) do list[tid] = inferior:read_register("pc", tid) end
            return list
        end
        local before = places()
        for _ = 1, 10 do
            assert(inferior:stepi { thread = thread })
            local event = assert(inferior:wait(10000))
            assert.same({ "end-stepping-range", thread }, { event.reason, event.thread })
        end
        for tid, pc in pairs(places()) do
            if tid ~= thread then assert.equal(before[tid], pc) end
        end
        inferior:kill()
    end)
end)

describe("one thread", function()
    -- Four threads that are stopped, and their ids.
    local function four()
        local inferior = points.start "spin"
        inferior:cont()
        assert(support.wait_for(function()
            inferior:wait(1)
            return #inferior:threads() == 5
        end))
        assert(inferior:interrupt())
        return inferior, inferior:threads()
    end

    it("is resumed while the others stay, and tells so", function()
        local inferior <close>, threads = four()
        local alone = threads[3] ~= inferior:pid() and threads[3] or threads[2]
        assert(inferior:cont { thread = alone })
        for _, tid in ipairs(threads) do
            assert.equal(tid == alone and "running" or "interrupted", inferior:stop_reason(tid))
            local state = support.read_file(("/proc/%d/stat"):format(tid)):match("%) (%a)")
            assert.equal(tid ~= alone, state == "t")
        end
        local none, why, errno = inferior:read_register("pc", alone)
        assert.same({ nil, c.EBUSY }, { none, errno })
        assert.matches("running", why)
        assert.equal(c.EBUSY, select(3, inferior:cont { thread = alone }))
        assert.equal(c.ESRCH, select(3, inferior:cont { thread = 1 }))
        assert.equal(c.ESRCH, select(3, inferior:read_register("pc", 1)))
        inferior:kill()
    end)

    it("gets another signal than the one that has come, or none", function()
        for _, case in ipairs { { "SIGUSR2", "SIGUSR2" }, { 0 }, { "TERM", "SIGTERM" } } do
            local inferior <close> = points.start "spin"
            inferior:cont()
            os.execute("kill -USR1 " .. inferior:pid())
            local event
            repeat event = assert(inferior:wait(10000)) until event.reason == "signal-received"
            assert(inferior:cont { signal = case[1] })
            if case[2] then
                repeat event = assert(inferior:wait(10000)) until event.reason:find("^exited")
                assert.equal(case[2], event.signal_name)
            else
                assert.equal(c.ETIMEDOUT, select(3, inferior:wait(50)))
                inferior:kill()
            end
        end
    end)

    it("tells who has sent a signal, and may be told otherwise", function()
        local inferior <close> = assert(require "tiexec".launch { "sh", "-c", "trap 'exit 8' USR1; kill -USR1 $$" })
        inferior:cont()
        assert.equal("signal-received", inferior:wait(10000).reason)
        local info = assert(inferior:siginfo())
        assert.same({ inferior:pid(), 0, 128 }, { info.pid, info.code, #info.bytes })
        assert.equal(info.signal, c.SIGUSR1)
        assert(inferior:set_siginfo { pid = 1, uid = 7 })
        local changed = assert(inferior:siginfo())
        assert.same({ 1, 7, info.signal }, { changed.pid, changed.uid, changed.signal })
        assert(inferior:set_siginfo(info.bytes))
        assert.same(info, inferior:siginfo())
        assert.has_error(function() inferior:set_siginfo("short") end)
        local _, last = points.run(inferior)
        assert.equal(8, last.exit_code)
    end)

    it("is resumed by fields that are known, else that raises", function()
        local inferior <close> = points.start("calls", 1)
        assert.has_error(function() inferior:cont { threads = 1 } end)
        assert.has_error(function() inferior:cont { signal = "NONE" } end)
        assert.has_error(function() inferior:cont { signal = 1000 } end)
        assert.has_error(function() inferior:cont { thread = "x" } end)
        assert.has_error(function() inferior:wait(-1) end)
        assert.has_error(function() inferior:wait(1 << 40) end)
        assert.has_error(function() inferior:interrupt(0.5) end)
        inferior:kill()
    end)
end)
