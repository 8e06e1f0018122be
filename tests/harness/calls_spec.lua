-- SPDX-License-Identifier: Apache-2.0
-- Functions of a program that it is made to call.

local cpu = require "tests.lib.cpu"
local stopped = require "tests.lib.stopped"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local c = tiexec.constants
local callable = support.programs .. "callable"

describe("a call of a function", function()
    local inferior, before
    before_each(function()
        inferior = stopped.at("main", { callable })
        before = inferior:registers("all")
        before.mask = inferior:sigmask()
    end)
    after_each(function() stopped.finish(inferior) end)

    local function assert_put_back()
        local now = inferior:registers("all")
        now.mask = inferior:sigmask()
        assert.same(before, now)
    end

    it("gets integers and numbers, and gives its result by type", function()
        assert.equal(91, inferior:call("sum", 1, 2, 3, 4, 5, 6))
        assert.equal(-1, inferior:call("sum", -1))
        assert.equal(91, inferior:call(inferior:symbol("sum"), 1, 2, 3, 4, 5, 6))
        assert.equal(4.75, inferior:call({ "scale", returns = "double" }, 1.5, 3, 0.25))
        local minus = { "sum", returns = "i32" }
        assert.equal(-2, inferior:call(minus, -2))
        assert.equal(0xfffffffe, inferior:call({ "sum", returns = "u32" }, -2))
        assert.equal(-2, inferior:call({ "sum", returns = "i8" }, -2))
        assert.equal(0x7e, inferior:call({ "sum", returns = "u8" }, 0x17e))
        assert.is_true(inferior:call({ "sum", returns = "bool" }, 5))
        assert.is_false(inferior:call({ "sum", returns = "bool" }, 0))
        assert.is_true(inferior:call({ "here", returns = "void" }))
        assert.equal(1, inferior:read_i32(inferior:symbol("calls")))
        assert_put_back()
    end)

    it("gets strings and buffers, and fills buffers", function()
        local buffer = tiexec.buffer(32)
        assert.equal(5, inferior:call("fill", buffer, #buffer, "hello"))
        assert.equal("hello", buffer:string())
        local large = tiexec.buffer(300000)
        assert.equal(9, inferior:call("fill", large, #large, "far away!"))
        assert.equal("far away!", large:string())
        assert_put_back()
    end)

    it("of a library is one, too, be it chosen at run time", function()
        assert.equal(inferior:pid(), inferior:call("getpid"))
        assert.equal("ifunc", inferior:lookup_symbol("strlen").kind)
        assert.equal(11, inferior:call("strlen", "eleven char"))
        local block = inferior:call({ "malloc", returns = "pointer" }, 1000)
        assert(inferior:write_string(block, "in the heap"))
        assert.equal(11, inferior:call("strlen", block))
        assert(inferior:call({ "free", returns = "void" }, block))
        assert_put_back()
    end)

    it("is what gdb's is", function()
        local out = support.shell(("gdb -batch -nx -ex 'break main' -ex run -ex 'p sum(1,2,3,4,5,6)' "
            .. "-ex 'p scale(1.5, 3, 0.25)' -ex 'p (int) strlen(\"four\")' -ex 'p hidden(-5)' %s 2>&1")
            :format(callable)).out
        local theirs = {}
        for value in out:gmatch("%$%d+ = ([^\n]*)") do theirs[#theirs + 1] = tonumber(value) end
        assert.same(theirs, { inferior:call("sum", 1, 2, 3, 4, 5, 6),
            inferior:call({ "scale", returns = "double" }, 1.5, 3, 0.25), inferior:call("strlen", "four"),
            inferior:call({ "hidden", returns = "i32" }, -5) })
    end)

    it("that raises a signal fails, and the program goes on as if nothing had been", function()
        for name, signal in pairs { fault = "SIGSEGV", give_up = "SIGABRT" } do
            local result, message, errno = inferior:call(name, 8)
            assert.is_nil(result)
            assert.equal(c.EFAULT, errno)
            assert.matches("it has raised " .. signal .. " at ", message, 1, true)
            assert_put_back()
        end
        assert.matches("at fault", (select(2, inferior:call("fault", 8))))
        assert.equal(91, inferior:call("sum", 1, 2, 3, 4, 5, 6))
        assert.equal(0, stopped.run_out(inferior).exit_code)
    end)

    it("that does not return in time is given up: at work, and in a system call", function()
        for _, case in ipairs { { "spin" }, { "nap", 60000 } } do
            local result, message, errno = inferior:call({ case[1], timeout = 100 }, case[2] or 0)
            assert.is_nil(result)
            assert.equal(c.ETIMEDOUT, errno)
            assert.is_string(message)
            assert_put_back()
        end
        assert.equal(0, inferior:call({ "nap", returns = "i32" }, 10))
        assert.equal(0, stopped.run_out(inferior).exit_code)
    end)

    it("lets signals through, with their handlers", function()
        assert.equal(1, inferior:call({ "await_signal", returns = "i32" }))
        assert_put_back()
        assert.equal(0, stopped.run_out(inferior).exit_code)
    end)

    it("stops at no breakpoint, and says where one is", function()
        local point <close> = assert(inferior:breakpoint(inferior:symbol("here")))
        local _, message, errno = inferior:call("call_here")
        assert.equal(c.EFAULT, errno)
        assert.matches("it has raised SIGTRAP at here", message, 1, true)
        point:delete()
        assert_put_back()
        assert.equal(7, inferior:call("call_here"))
    end)

    it("that there is not, or with arguments that cannot be passed, is refused", function()
        assert.equal(c.ENOENT, select(3, inferior:call("no_such_function")))
        for _, address in ipairs { 8, inferior:symbol("values"), inferior:read_register("sp"), -4096 } do
            assert.equal(c.EFAULT, select(3, inferior:call(address)))
        end
        for _, wrong in ipairs { { 1, 2, 3, 4, 5, 6, 7, 8, 9 }, { {} }, { true },
            { 1., 2., 3., 4., 5., 6., 7., 8., 9. } } do
            assert.has_error(function() inferior:call("sum", table.unpack(wrong)) end)
        end
        for _, wrong in ipairs { { "sum", returns = "int" }, { "sum", timeout = -1 }, { "sum", timeout = 1.5 },
            { "sum", tiemout = 1 }, {}, { {} }, true } do
            assert.has_error(function() inferior:call(wrong, 1) end)
        end
        assert_put_back()
    end)
end)

describe("a call of a function in a thread that", function()
    it("is at the entry of a system call is followed by that call", function()
        local inferior = stopped.at("main", { callable, "nap", "50" })
        local event
        repeat
            inferior:cont("syscall")
            event = assert(inferior:wait(10000))
        until event.reason == "syscall-entry" and (tiexec.syscall_name(event.syscall) or ""):find("nanosleep")
        local before = inferior:registers("all")
        assert.equal(91, inferior:call("sum", 1, 2, 3, 4, 5, 6))
        assert.equal(inferior:pid(), inferior:call("getpid"))
        assert.is_nil((inferior:call("fault", 8)))
        assert.is_nil((inferior:call({ "spin", timeout = 50 })))
        assert.same(before, inferior:registers("all"))
        inferior:cont("syscall")
        event = assert(inferior:wait(10000))
        assert.same({ "syscall-return", 0 }, { event.reason, event.result })
        assert.equal(0, stopped.run_out(inferior).exit_code)
        inferior:close()
    end)

    it("was interrupted in a system call is followed by the rest of that call", function()
        local process <close> = support.start { callable, "nap", "1500" }
        assert(support.wait_for(function()
            return (support.read_file(("/proc/%d/wchan"):format(process.pid)) or ""):find("nanosleep")
                or (support.read_file(("/proc/%d/syscall"):format(process.pid)) or ""):find("^%d+ ")
        end))
        for _ = 1, 5 do
            local inferior = assert(tiexec.attach(process.pid, 5000))
            assert.equal(91, inferior:call("sum", 1, 2, 3, 4, 5, 6))
            assert.is_nil((inferior:call({ "nap", timeout = 20 }, 60000)))
            assert(inferior:detach())
            inferior:close()
        end
        assert(support.wait_for(function() return not process:is_alive() end))
        assert.equal(0, process:stop())
    end)

    it("starts threads leaves these to run with the others", function()
        local inferior = stopped.at("here", { callable, "starting" })
        assert.equal(4, inferior:call({ "start_threads", returns = "i32" }, 4))
        assert.equal(5, #inferior:threads())
        assert.equal(0, stopped.run_out(inferior).exit_code)
        inferior:close()
    end)

    it("runs is refused, and so is one of a process that is gone", function()
        local inferior = stopped.at("here", { callable, "threads" })
        inferior:kill()
        stopped.finish(inferior)
        inferior = stopped.at("main", { callable })
        inferior:kill()
        inferior:wait(5000)
        local _, _, errno = inferior:call("sum", 1)
        assert.is_true(errno == c.ESRCH or errno == c.ENOENT)
        inferior:close()
    end)

    it("has a small stack of its own does not use that", function()
        local lines = support.programs .. "lines"
        if not support.read_file(lines) then return pending("no Go here") end
        local inferior = stopped.at("main.main", { lines })
        local sp = inferior:read_register("sp")
        local below = inferior:read_memory(sp - 8192, 8192)
        local clock = inferior:symbol("__vdso_clock_gettime") or inferior:symbol("__kernel_clock_gettime")
        local time = tiexec.buffer(16)
        if cpu.pc == "rip" then -- on the other CPU it may end in the instruction that it returns to
            assert.equal(0, inferior:call({ clock, returns = "i32" }, 1, time))
            assert.is_true(math.abs(time:unpack("j") - tiexec.now()) < 3600 * 24)
            assert.equal(below, inferior:read_memory(sp - 8192, 8192))
        end
        stopped.finish(inferior)
    end)

    it("has seccomp filters of its own is refused", function()
        local inferior = stopped.at("main", { support.programs .. "confined", "filter", stdout = false })
        inferior:cont()
        local waits = ("/proc/%d/syscall"):format(inferior:pid())
        local number = ("^%d "):format(tiexec.syscall_number("rt_sigtimedwait"))
        local function go_on()
            inferior:wait(20)
            inferior:cont()
        end
        assert(support.wait_for(function()
            go_on()
            return (support.read_file(waits) or ""):find(number)
        end))
        os.execute("kill -USR1 " .. inferior:pid())
        assert(support.wait_for(function()
            go_on()
            return tiexec.status(inferior:pid(), "Seccomp") == 2
        end))
        assert(inferior:interrupt(5000))
        assert.equal(c.EPERM, select(3, inferior:call("getpid")))
        stopped.finish(inferior)
    end)
end)
