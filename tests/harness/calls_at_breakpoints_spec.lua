-- SPDX-License-Identifier: Apache-2.0
-- Remote calls where breakpoints stand: in what they execute, and in what their children execute.

local cpu = require "tests.lib.cpu"
local stopped = require "tests.lib.stopped"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local callable = support.programs .. "callable"
local SYSCALL <const> = cpu.pc == "rip" and "\x0f\x05" or "\x01\x00\x00\xd4"

describe("a signal that comes while a function is called", function()
    it("is not lost if the call ends at a breakpoint in its handler", function()
        local inferior <close> = assert(tiexec.launch { { support.programs .. "debuggee" }, stdout = false })
        assert(inferior:breakpoint("touch", { kind = "software", temporary = true }))
        inferior:cont()
        assert.equal("breakpoint-hit", inferior:wait(20000).reason)
        local handler = assert(inferior:symbol "on_signal")
        assert(inferior:breakpoint(handler, "software"))
        os.execute("kill -USR1 " .. inferior:pid())
        assert.equal(tiexec.constants.EFAULT, select(3, inferior:call("add", 2, 3)))
        inferior:cont()
        local event = inferior:wait(20000)
        if event.signal_name == "SIGUSR1" then
            inferior:cont()
            event = inferior:wait(20000)
        end
        assert.same({ "breakpoint-hit", handler }, { event.reason, inferior:read_register("pc") })
        inferior:kill()
    end)
end)

describe("a call of a function", function()
    local inferior
    before_each(function() inferior = stopped.at("here", { callable }) end)
    after_each(function() stopped.finish(inferior) end)

    -- The library starts the shell by vfork, and the child executes in the memory of the program.
    it("starts a process that runs into no breakpoint, and the program still does", function()
        assert(inferior:breakpoint(inferior:symbol("execve", "libc"), "software"))
        local here = assert(inferior:breakpoint(inferior:symbol("here"), "software"))
        for _, follow in ipairs { false, true } do
            inferior:follow_fork(follow)
            assert.equal(3 << 8, inferior:call({ "system", returns = "i32" }, "exit 3"))
        end
        local _, message = inferior:call("here")
        assert.matches("SIGTRAP", message, 1, true)
        assert(here:delete())
        assert(inferior:call("here"))
        assert.equal(0, stopped.run_out(inferior).exit_code)
    end)

    it("is refused if it would return twice, and the message says what can be done", function()
        for _, name in ipairs { "fork", "vfork", "clone" } do
            local none, why, errno = inferior:call(name)
            assert.same({ nil, require "tiexec".constants.EINVAL }, { none, errno })
            assert.matches("^call: " .. name .. ": .*fo[lr][lk]", why)
        end
        inferior:follow_fork(true)
        local pid = assert(inferior:call("fork"))
        inferior:cont()
        local event = assert(inferior:wait(20000))
        assert.same({ "fork", pid }, { event.reason, event.child })
        local child <close> = assert(inferior:adopt(pid))
        assert(child:kill())
        assert(inferior:interrupt())
    end)

    it("takes as long as call_timeout says", function()
        inferior:call_timeout(100)
        local _, _, errno = inferior:call("pause")
        assert.equal(require "tiexec".constants.ETIMEDOUT, errno)
        inferior:call_timeout(10000)
        assert.equal(inferior:pid(), inferior:call("getpid"))
    end)
end)

describe("remote calls", function()
    local inferior
    before_each(function() inferior = stopped.at("here", { callable }) end)
    after_each(function() stopped.finish(inferior) end)

    local function assert_calls()
        local before = inferior:registers("all")
        assert.equal(inferior:pid(), inferior:remote_syscall("getpid"))
        assert.equal(inferior:pid(), inferior:call("getpid"))
        assert.same(before, inferior:registers("all"))
    end

    for _, kind in ipairs { "software", "hardware" } do
        it("are not made by an instruction with a " .. kind .. " breakpoint", function()
            assert_calls()
            for _, mapping in ipairs(inferior:mappings()) do
                if mapping.path == "[vdso]" then
                    local size = mapping.stop - mapping.start
                    assert(inferior:breakpoint(inferior:search_memory(mapping.start, size, SYSCALL), kind))
                end
            end
            assert_calls()
            assert.equal(0, stopped.run_out(inferior).exit_code)
        end)

        it("leave a thread past a " .. kind .. " breakpoint that it was told of", function()
            local point = assert(inferior:breakpoint(inferior:read_register("pc"), kind))
            assert_calls()
            assert.equal(0, stopped.run_out(inferior).exit_code)
            assert.equal(0, point.hit_count)
        end)

        it("leave a thread at the entry of a call that has a " .. kind .. " breakpoint", function()
            inferior:cont("syscall")
            local event = inferior:wait(20000)
            assert.equal("syscall-entry", event.reason)
            assert(inferior:breakpoint(inferior:read_register("pc") - #SYSCALL, kind))
            assert_calls()
            inferior:cont("syscall")
            event = inferior:wait(20000)
            assert.is_true(event.reason == "syscall-return" or event.exit_code == 0)
        end)
    end
end)
