-- SPDX-License-Identifier: Apache-2.0
-- Running, stopping and watching an inferior.

local cpu = require "tests.lib.cpu"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local target = support.programs .. "target"
local c = tiexec.constants

-- The address of a symbol in the running program, from nm and the load address.
local function address_of(inferior, symbol)
    local value = support.shell(("nm %s | awk '$3 == \"%s\" { print $1 }'"):format(target, symbol)).out
    for _, object in ipairs(inferior:objects()) do
        if object.name == "target" then return object.bias + tonumber(value, 16) end
    end
end

local function at_main(...)
    local inferior = assert(tiexec.launch { target, ... })
    local breakpoint <close> = assert(inferior:breakpoint(inferior:auxv().AT_ENTRY))
    inferior:cont()
    assert.equal("breakpoint-hit", inferior:wait().reason)
    return inferior
end

describe("an inferior", function()
    it("stops before its first instruction, with its pc in the dynamic linker", function()
        local inferior <close> = assert(tiexec.launch { target })
        assert.equal(inferior:pid(), inferior:threads()[1])
        local pc = inferior:read_register("pc")
        local path
        for _, mapping in ipairs(inferior:mappings()) do
            if mapping.start <= pc and pc < mapping.stop then path = mapping.path end
        end
        assert.matches("ld%-linux", path)
        assert.equal(0, inferior:read_register(cpu.callee_saved))
        inferior:kill()
        local event = inferior:wait()
        assert.equal("exited-signalled", event.reason)
        assert.equal("SIGKILL", event.signal_name)
        assert.is_nil(inferior:wait())
    end)

    it("runs to its end and tells its exit status, traced or let go", function()
        local inferior = assert(tiexec.launch { target })
        inferior:cont()
        assert.same({ reason = "exited", exit_code = 3, thread = inferior:pid() }, inferior:wait())
        inferior = assert(tiexec.launch { target })
        assert(inferior:detach())
        assert.equal(0, tiexec.status(inferior:pid(), "TracerPid"))
        assert.equal(3, inferior:wait().exit_code)
    end)

    it("says why a program cannot be started", function()
        local inferior, message, errno = tiexec.launch { "/nonexistent" }
        assert.is_nil(inferior)
        assert.equal(c.ENOENT, errno)
        assert.matches("/nonexistent", message)
        assert.equal(c.EISDIR, select(3, tiexec.launch { "/tmp" }))
    end)

    for _, kind in ipairs { "hardware", "software" } do
        it("steps one instruction from a " .. kind .. " breakpoint", function()
            -- Where a few steps from a function's start lead, each instruction counted.
            local function walk(stops)
                local inferior <close> = at_main()
                local marker = address_of(inferior, "marker")
                local first <close> = assert(inferior:breakpoint(marker, "hardware"))
                inferior:cont()
                inferior:wait()
                first:delete()
                local _stop <close> = stops and assert(inferior:breakpoint(marker, kind)) or nil
                local places = {}
                for i = 1, 5 do
                    inferior:stepi()
                    assert.equal("end-stepping-range", inferior:wait().reason)
                    places[i] = inferior:read_register("pc") - marker
                end
                inferior:kill()
                return places
            end
            assert.same(walk(false), walk(true))
        end)

        it("stops at a " .. kind .. " breakpoint each time, and not when it is deleted", function()
            local inferior <close> = at_main()
            local marker = address_of(inferior, "marker")
            local breakpoint = assert(inferior:breakpoint(marker, kind))
            assert.equal(kind == "hardware", breakpoint:is_hardware())
            for value = 1, 2 do
                inferior:cont()
                local event = inferior:wait()
                assert.equal("breakpoint-hit", event.reason)
                assert.equal(marker, event.address)
                assert.equal(marker, inferior:read_register("pc"))
                assert.equal(value, inferior:read_register(cpu.argument))
            end
            breakpoint:delete()
            inferior:cont()
            assert.equal(3, inferior:wait().exit_code)
        end)
    end

    it("leaves no trace of a software breakpoint in the text", function()
        local inferior <close> = at_main()
        local marker = address_of(inferior, "marker")
        local function outside() return support.memory_of(inferior:pid(), marker, 16) end
        local before = outside()
        do
            local breakpoint <close> = assert(inferior:breakpoint(marker, "software"))
            assert.not_equal(before, outside())
        end
        assert.equal(before, outside())
        inferior:kill()
        inferior:wait()
    end)

    it("steps by one instruction", function()
        local inferior <close> = at_main()
        local pc = inferior:read_register("pc")
        inferior:stepi()
        assert.equal("end-stepping-range", inferior:wait().reason)
        local moved = inferior:read_register("pc") - pc
        assert.is_true(moved > 0 and moved < 16)
        inferior:kill()
        inferior:wait()
    end)

    it("tells of system calls, on the way in and out", function()
        local inferior <close> = at_main("signal")
        local seen = {}
        repeat
            inferior:cont("syscall")
            local event = inferior:wait()
            seen[event.reason] = true
        until event.reason == "signal-received"
        assert.is_true(seen["syscall-entry"] and seen["syscall-return"])
        inferior:cont()
        assert.equal("SIGUSR1", inferior:wait().signal_name) -- given back: it dies of it
    end)

    it("makes remote calls at the entry of a system call, which is then made as it was", function()
        local inferior <close> = assert(tiexec.launch { "cmp", "/proc/version", "/proc/version" })
        local entries, calls = 0, {}
        inferior:cont("syscall")
        for event in function() return inferior:wait() end do
            if event.reason:find("^exited") then
                assert.equal(0, event.exit_code)
                break
            end
            if event.reason == "syscall-entry" then
                entries = entries + 1
                calls[#calls + 1] = event.syscall
                local before = inferior:registers("all")
                assert.equal(inferior:pid(), inferior:remote_syscall("getpid"))
                assert.is_nil(inferior:remote_syscall("close", 999))
                assert.same(before, inferior:registers("all"))
            elseif event.reason == "syscall-return" then
                calls[#calls] = nil
            end
            inferior:cont("syscall")
        end
        assert.is_true(entries > 10)
        assert.equal(1, #calls) -- exit_group does not return; nothing else was entered twice
    end)

    it("stops all threads at once, and they go on afterwards", function()
        local inferior = assert(tiexec.launch { target, "threads", "8" })
        local _end <close> = setmetatable({}, { __close = function() inferior:kill() end }) -- it has no end of its own
        inferior:cont()
        local counter
        assert.is_table(support.wait_for(function()
            inferior:wait(10)
            return #inferior:threads() == 9 and inferior:threads()
        end))
        assert(inferior:interrupt())
        for _, tid in ipairs(inferior:threads()) do
            assert.equal("t", support.read_file(("/proc/%d/stat"):format(tid)):match("%) (%a)"))
        end
        counter = address_of(inferior, "counter")
        local before = inferior:read_memory(counter, 4)
        assert.equal(before, inferior:read_memory(counter, 4))
        assert(inferior:detach())
        assert.equal(0, tiexec.status(inferior:pid(), "TracerPid"))
        local image = io.open(("/proc/%d/mem"):format(inferior:pid()), "rb")
        image:setvbuf("no") -- else it would read what it has read before
        assert.is_true(support.wait_for(function()
            image:seek("set", counter)
            return image:read(4) ~= before
        end))
        image:close()
        inferior:kill()
        assert.equal("exited-signalled", inferior:wait().reason)
    end)

    it("tells of a fork when it is asked to, and of none otherwise", function()
        local inferior <close> = at_main("fork")
        assert(inferior:follow_fork(true))
        inferior:cont()
        local event = inferior:wait()
        assert.equal("fork", event.reason)
        do
            local child <close> = assert(inferior:adopt(event.child))
            assert.equal(0, child:read_register(cpu.result)) -- what fork returns there
        end
        repeat
            inferior:cont()
            event = inferior:wait()
        until event.reason ~= "signal-received" -- SIGCHLD
        assert.equal(8, event.exit_code)
    end)
end)

describe("misuse", function()
    it("raises: unknown names, wrong types, closed handles", function()
        local inferior = at_main()
        assert.has_error(function() inferior:read_register("eax9") end)
        assert.has_error(function() inferior:read_memory(1.5, 1) end)
        assert.has_error(function() inferior:read_memory("0", 1) end)
        assert.has_error(function() inferior:remote_syscall("no_such_call") end)
        assert.has_error(function() inferior:remote_syscall("getpid", 0x1p60) end)
        assert.has_error(function() tiexec.launch {} end)
        assert.has_error(function() tiexec.launch { 1, 2 } end)
        inferior:kill()
        inferior:wait()
        inferior:close()
        assert.has_error(function() inferior:read_register("pc") end)
    end)

    it("of a vdso that is unmapped is an error, and the next call finds another instruction", function()
        local inferior <close> = at_main()
        assert.is_truthy(inferior:remote_syscall("getpid"))
        for _, m in ipairs(inferior:mappings()) do
            if m.path == "[vdso]" then assert(inferior:remote_syscall("munmap", m.start, m.stop - m.start)) end
        end
        local _, _, errno = inferior:remote_syscall("getpid")
        assert.equal(c.EFAULT, errno)
        assert.equal(inferior:pid(), inferior:remote_syscall("getpid"))
    end)

    it("of a process that is gone gives ESRCH", function()
        local inferior <close> = at_main()
        inferior:kill()
        inferior:wait()
        assert.equal(c.ESRCH, select(3, inferior:read_register("pc")))
        assert.equal(c.ESRCH, select(3, inferior:remote_syscall("getpid")))
        assert.equal(c.ESRCH, select(3, inferior:cont()))
        assert.equal(c.ESRCH, select(3, inferior:wait()))
        assert.is_nil((inferior:read_memory(0x1000, 1)))
    end)
end)
