-- SPDX-License-Identifier: Apache-2.0
-- The same script over ptrace and over stubs of GDB's remote protocol.

local core = require "tiexec.core"
local gdb_trial = require "tests.lib.gdb_trial"
local stubs = require "tests.lib.stubs"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local c = core.constants
local WAIT_MS <const> = 20000 * support.patience

-- Goes on to the next event.
local function go(inferior)
    assert(inferior:cont())
    return assert(inferior:wait(WAIT_MS))
end

-- Goes on to the end, past the signal, which would kill the program. Gives the event.
local function finish(inferior)
    local event = go(inferior)
    assert.same({ "signal-received", "SIGUSR1", c.SIGUSR1 }, { event.reason, event.signal_name, event.signal })
    assert(inferior:drop_signal())
    return go(inferior)
end

for _, way in ipairs(stubs.ways) do
    describe("over " .. way.name, function()
        local held, inferior

        before_each(function()
            if way.lacks then return end
            held = way.open()
            inferior = held.remote
        end)
        after_each(function()
            if held then getmetatable(held).__close(held) end
            held = nil
        end)

        local function that(name, test)
            it(name, function()
                if way.lacks then return pending(way.lacks) end
                test()
            end)
        end

        that("breakpoints are hit, and the program ends as by itself", function()
            assert.equal(inferior:symbol "_start", inferior:read_register("pc"))
            local point = assert(inferior:breakpoint("touch"))
            local counts = {}
            for i = 1, 4 do
                local event = go(inferior)
                assert.equal("breakpoint-hit", event.reason)
                assert.equal(point.address, event.address)
                assert.equal(point.address, inferior:read_register("pc"))
                assert.equal("touch", inferior:symbolize(event.address))
                assert.same({ point }, event.points)
                counts[i] = inferior:read_i32(inferior:symbol "counter")
            end
            assert.same({ 0, 1, 3, 6 }, counts)
            assert.equal(4, point.hit_count)
            local event = finish(inferior)
            assert.same({ "exited", 5 }, { event.reason, event.exit_code })
            assert.same({ c.ESRCH }, { (select(3, inferior:cont())) })
        end)

        that("breakpoints have conditions and counts, and are deleted", function()
            local counter = inferior:symbol "counter"
            local point = assert(inferior:breakpoint("touch", { kind = "software", ignore_count = 1,
                condition = function(one) return one:read_i32(counter) % 2 == 1 end }))
            assert.equal("breakpoint-hit", go(inferior).reason)
            assert.equal(3, inferior:read_i32(counter))
            assert.equal(2, point.hit_count)
            assert(point:delete())
            assert.is_false(point:is_valid())
            assert.equal(5, finish(inferior).exit_code)
        end)

        that("memory and registers are read and written", function()
            local touch, counter = inferior:symbol "touch", inferior:symbol "counter"
            local text = inferior:read_memory(touch, 32)
            assert.equal(32, #text)
            assert(inferior:breakpoint("touch"))
            go(inferior)
            assert.equal(text, inferior:read_memory(touch, 32))
            assert(inferior:write_i32(counter, 1000000))
            assert.equal(1000000, inferior:read_i32(counter))
            assert.is_nil((inferior:read_memory(16, 4)))
            assert.is_nil((inferior:write_memory(16, "1234")))
            local sp = inferior:read_register("sp")
            assert(inferior:write_register("sp", sp - 64))
            assert.equal(sp - 64, inferior:read_register("sp"))
            assert(inferior:write_register("sp", sp))
            local all = inferior:registers("all")
            assert.equal(sp, all.rsp or all.sp)
            local vector = all.xmm0 and "xmm0" or "v0"
            local value = ("\1\2\3\4"):rep(4)
            assert(inferior:write_register(vector, value))
            assert.equal(value, inferior:read_register(vector))
            assert.has_error(function() inferior:read_register("no such register") end)
            assert.equal(counter, inferior:search_memory(counter, 8, string.pack("<i4", 1000000)))
            for _, point in ipairs(inferior:breakpoints()) do point:delete() end
            assert.equal(6, finish(inferior).exit_code)
        end)

        that("steps execute one instruction, at a breakpoint too", function()
            assert(inferior:breakpoint("touch"))
            go(inferior)
            local pc, counter = inferior:read_register("pc"), inferior:symbol "counter"
            for _ = 1, 64 do
                assert(inferior:stepi())
                local event = assert(inferior:wait(WAIT_MS))
                assert.equal("end-stepping-range", event.reason)
                assert.not_equal(pc, inferior:read_register("pc"))
                pc = inferior:read_register("pc")
                if inferior:read_i32(counter) == 1 then break end
            end
            assert.equal(1, inferior:read_i32(counter))
            assert.equal("breakpoint-hit", go(inferior).reason)
        end)

        that("data is watched, or the packet is named that it takes", function()
            local counter = inferior:symbol "counter"
            local point, why, errno = inferior:watch("counter", 4)
            if not point then
                assert.equal(c.EOPNOTSUPP, errno)
                return assert.matches("lacks the packet Z2", why)
            end
            for _, expected in ipairs { { 0, 1 }, { 1, 3 } } do
                local event = go(inferior)
                assert.same({ "watchpoint-trigger", counter, expected[1], expected[2] },
                    { event.reason, event.address, event.old, event.new })
            end
            point:delete()
            assert.equal(5, finish(inferior).exit_code)
        end)

        that("a signal kills it, if it is not dropped", function()
            assert.equal("signal-received", go(inferior).reason)
            local event = go(inferior)
            assert.same({ "exited-signalled", "SIGUSR1" }, { event.reason, event.signal_name })
        end)

        that("it is interrupted, and killed", function()
            assert(inferior:write_i32(inferior:symbol "spins", 1))
            repeat -- until it has been on a CPU
                assert(inferior:cont())
                assert.same({ c.EBUSY }, { (select(3, inferior:read_register("pc"))) })
                assert.same({ c.ETIMEDOUT }, { (select(3, inferior:wait(1))) })
                if way.runs_on then return assert.equal(c.ETIMEDOUT, (select(3, inferior:interrupt(500)))) end
                assert(inferior:interrupt(WAIT_MS))
            until inferior:read_i32(inferior:symbol "counter") ~= 0
            assert.is_truthy(inferior:symbolize(inferior:read_register("pc")))
            assert.equal(1, #inferior:threads())
            assert(inferior:kill())
        end)

        that("the auxiliary vector is there", function()
            assert.equal(inferior:symbol "_start", assert(inferior:auxv()).AT_ENTRY)
        end)
    end)
end

describe("over a machine that qemu emulates", function()
    local function connect(words)
        return assert(tiexec.connect("| exec " .. words .. " -S -display none -nodefaults -gdb stdio -m 64 2>/dev/null",
            { timeout = WAIT_MS }))
    end

    it("registers and memory are read and written, steps executed, breakpoints hit: aarch64", function()
        if not core.find "qemu-system-aarch64" then return pending "no qemu-system-aarch64" end
        local remote <close> = connect "qemu-system-aarch64 -M virt -cpu cortex-a57"
        local ram, data <const> = 0x40000000, 0x40001000
        -- x1 = data; again: x0 = x0 + 1; [x1] = x0; goto again
        local code = string.pack("<I4I4I4I4", 0xd2a80001 | 0, 0x91000400, 0xf9000020, 0x17fffffe)
        assert(remote:write_memory(ram, code))
        assert.equal(code, remote:read_memory(ram, #code))
        assert(remote:write_register("pc", ram))
        assert(remote:stepi())
        assert.equal("end-stepping-range", assert(remote:wait(WAIT_MS)).reason)
        assert.equal(ram + 4, remote:read_register("pc"))
        assert.equal(ram, remote:read_register("x1"))
        assert(remote:write_register("x1", data))
        assert(remote:write_register("x0", 5))
        local point = assert(remote:breakpoint(ram + 12, "hardware"))
        for i = 6, 8 do
            assert.equal("breakpoint-hit", go(remote).reason)
            assert.same({ i, i }, { remote:read_register("x0"), remote:read_u64(data) })
        end
        point:delete()
        local watch = assert(remote:watch(data, 8))
        local event = go(remote)
        assert.same({ "watchpoint-trigger", data, 8, 9 }, { event.reason, event.address, event.old, event.new })
        watch:delete()
        assert(remote:cont())
        assert.equal(c.ETIMEDOUT, (select(3, remote:wait(1))))
        assert(remote:interrupt(WAIT_MS))
        assert.is_true(remote:read_register("x0") >= 9)
        assert.same({ c.EOPNOTSUPP }, { (select(3, remote:auxv())) })
        assert(remote:kill())
    end)

    it("the reset of a PC is stepped through: x86-64", function()
        if not core.find "qemu-system-x86_64" then return pending "no qemu-system-x86_64" end
        local remote <close> = connect "qemu-system-x86_64"
        assert.equal(0xfff0, remote:read_register("pc"))
        assert.equal(0xea, remote:read_u8(0xffff0)) -- a far jump
        assert(remote:stepi())
        assert.equal("end-stepping-range", assert(remote:wait(WAIT_MS)).reason)
        assert.not_equal(0xfff0, remote:read_register("pc"))
        assert(remote:write_u32(0x1000, 0x12345678))
        assert.equal(0x12345678, remote:read_u32(0x1000))
        assert(remote:kill())
    end)
end)

describe("tiexec.connect", function()
    it("says why there is no stub", function()
        assert.is_nil((tiexec.connect("/no/such/socket")))
        assert.is_nil((tiexec.connect("nonsense")))
        local remote, why, errno = tiexec.connect("| exec cat 2>/dev/null", { timeout = 500 })
        assert.is_nil(remote)
        assert.is_string(why)
        assert.is_number(errno)
        remote, why = tiexec.connect("| true")
        assert.is_nil(remote)
        assert.matches("gone", why)
    end)

    it("takes whatever a stub replies", function()
        local folder <close> = support.folder()
        for seed = 1, support.rounds(100) do
            math.randomseed(seed, 0)
            local ok, why = pcall(gdb_trial.ask, folder.path, 60)
            assert.is_true(ok, ("seed %d: %s"):format(seed, tostring(why)))
        end
    end)

    it("gives nil for what no packet can", function()
        local command = ("| %s --gdb - %sremote 2>/dev/null"):format(support.tiexec, support.programs)
        local remote <close> = assert(tiexec.connect(command))
        local result, why, errno = remote:remote_syscall("getpid")
        assert.is_nil(result)
        assert.equal(c.EOPNOTSUPP, errno)
        assert.matches("no packet", why)
    end)
end)
