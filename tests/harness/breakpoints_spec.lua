-- SPDX-License-Identifier: Apache-2.0
-- Breakpoints: every thread's hit is told once, and nobody sees what stands in the text.

local core = require "tiexec.core"
local cpu = require "tests.lib.cpu"
local points = require "tests.lib.points"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local c = core.constants
local kinds = { "software", "hardware" }
local TIMES <const> = support.patience > 1 and 40 or 2000 -- emulated CPUs take a tenth of a second for a hit

describe("a breakpoint that cannot be taken out of memory", function()
    it("keeps the process from being let go, which would die of it", function()
        local folder <close> = support.folder()
        local inferior <close> = points.start "spin"
        local marker = points.address "marker"
        assert(inferior:breakpoint(marker, "software"))
        -- The same text with the trap in it, as a file that is shared: it cannot be written to by force.
        local page, size = marker & -4096, 4096
        support.write_file(folder.path .. "/text", support.memory_of(inferior:pid(), page, size))
        local fd = assert(inferior:remote_syscall("openat", c.AT_FDCWD, folder.path .. "/text", c.O_RDONLY, 0))
        local executable = c.PROT_READ | c.PROT_EXEC
        assert(inferior:remote_syscall("mmap", page, size, executable, c.MAP_SHARED | c.MAP_FIXED, fd, 0))
        assert.equal(c.EIO, select(3, inferior:detach()))
        assert.equal(core.getpid(), core.status(inferior:pid(), "TracerPid"))
        -- Private memory can be written to.
        assert(inferior:remote_syscall("mmap", page, size, executable, c.MAP_PRIVATE | c.MAP_FIXED, fd, 0))
        assert(inferior:detach())
        assert.equal(0, core.status(inferior:pid(), "TracerPid"))
        os.execute("kill -KILL " .. inferior:pid())
    end)
end)

describe("a breakpoint", function()
    for _, kind in ipairs(kinds) do
        it("is told of at each hit of four threads: " .. kind, function()
            local inferior <close> = points.start("threads", TIMES)
            local breakpoint = assert(inferior:breakpoint(points.address "marker", kind))
            local threads = {}
            local count, last = points.run(inferior, function(event)
                if event.reason ~= "breakpoint-hit" then return end
                threads[event.thread] = (threads[event.thread] or 0) + 1
                assert.equal(points.address "marker", event.address)
                assert.equal(breakpoint, event.points[1])
            end)
            assert.equal(0, last.exit_code)
            assert.equal(4 * TIMES, count["breakpoint-hit"])
            assert.equal(4 * TIMES, breakpoint.hit_count)
            for _, hits in pairs(threads) do assert.equal(TIMES, hits) end
        end)

        it("is told of at each hit, if all threads are stopped after each: " .. kind, function()
            local inferior <close> = points.start("threads", TIMES // 10)
            assert(inferior:breakpoint(points.address "marker", kind))
            local count, last = points.run(inferior, function(event)
                if event.reason ~= "breakpoint-hit" then return end
                assert(inferior:interrupt())
                for _, tid in ipairs(inferior:threads()) do
                    assert.equal("t", support.read_file(("/proc/%d/stat"):format(tid)):match("%) (%a)"))
                end
            end)
            assert.same({ 0, 4 * (TIMES // 10) }, { last.exit_code, count["breakpoint-hit"] })
        end)

        it("is deleted while others run, or have just hit it: " .. kind, function()
            for _ = 1, support.rounds(10) do
                local inferior <close> = points.start("threads", 3000)
                local breakpoint = assert(inferior:breakpoint(points.address "marker", kind))
                for _ = 1, 20 do
                    inferior:cont()
                    inferior:wait(10000)
                end
                assert(breakpoint:delete())
                local count, last = points.run(inferior)
                assert.same({ 0, 0, 0 }, { last.exit_code, count["breakpoint-hit"], count["signal-received"] })
            end
        end)

        it("is deleted when another thread's hit waits to be told: " .. kind, function()
            local inferior <close> = points.start("threads", 200)
            local breakpoint = assert(inferior:breakpoint(points.address "marker", kind))
            for _ = 1, 20 do
                inferior:cont()
                assert.equal("breakpoint-hit", inferior:wait(10000).reason)
            end
            assert(inferior:interrupt())
            assert(breakpoint:delete())
            local count, last = points.run(inferior)
            assert.same({ 0, 0, 0 }, { last.exit_code, count["breakpoint-hit"], count["signal-received"] })
        end)

        it("is set while threads run: " .. kind, function()
            local inferior <close> = points.start "spin"
            inferior:cont()
            assert(support.wait_for(function()
                inferior:wait(1)
                return #inferior:threads() == 5
            end))
            for _ = 1, 5 do
                local breakpoint = assert(inferior:breakpoint(points.address "marker", kind))
                assert.equal("breakpoint-hit", assert(inferior:wait(10000)).reason)
                breakpoint:delete()
                inferior:cont()
            end
            inferior:kill()
        end)

        it("stops a thread in the midst of what it waits for only where it stands: " .. kind, function()
            local inferior <close> = points.start "waits"
            assert(inferior:breakpoint(points.address "raw_insn", kind))
            local count, last = points.run(inferior)
            assert.same({ 5, 1 }, { last.exit_code, count["breakpoint-hit"] })
        end)
    end

    it("may share its address with others", function()
        for _, first in ipairs(kinds) do
            for _, second in ipairs(kinds) do
                local inferior <close> = points.start("calls", 6)
                local at = points.address "marker"
                local before = support.memory_of(inferior:pid(), at, 8)
                local one = assert(inferior:breakpoint(at, first))
                local other = assert(inferior:breakpoint(at, second))
                assert.equal(second == "hardware", other:is_hardware())
                inferior:cont()
                assert.same({ one, other }, assert(inferior:wait(10000)).points)
                one:delete()
                inferior:cont()
                assert.same({ other }, assert(inferior:wait(10000)).points)
                other:delete()
                assert.equal(before, support.memory_of(inferior:pid(), at, 8))
                assert.equal(0, points.run(inferior)["breakpoint-hit"])
            end
        end
    end)

    it("is hit where a step leads to it, once", function()
        local inferior <close> = points.start("calls", 1)
        local at = points.address "marker"
        local entry = assert(inferior:breakpoint(at, { temporary = true }))
        inferior:cont()
        assert.is_true(inferior:wait(10000).points[1] == entry)
        local before <close> = assert(inferior:save())
        inferior:stepi()
        assert.equal("end-stepping-range", inferior:wait(10000).reason)
        local next_at = inferior:read_register("pc")
        for _, kind in ipairs(kinds) do
            local breakpoint <close> = assert(inferior:breakpoint(next_at, kind))
            assert(before:restore())
            inferior:stepi()
            assert.equal("breakpoint-hit", inferior:wait(10000).reason)
            assert.equal(1, breakpoint.hit_count)
        end
        before:discard()
        assert.equal(0, points.run(inferior)["breakpoint-hit"])
    end)

    it("is not told of where its thread stands already", function()
        for _, kind in ipairs(kinds) do
            local inferior <close> = points.start("calls", 2)
            local first = assert(inferior:breakpoint(points.address "marker"))
            inferior:cont()
            inferior:wait(10000)
            first:delete()
            assert(inferior:breakpoint(points.address "marker", kind))
            assert.equal(1, points.run(inferior)["breakpoint-hit"])
        end
    end)

    it("at nothing that is mapped is refused", function()
        local inferior <close> = points.start("calls", 1)
        local none, why, errno = inferior:breakpoint(8, "software")
        assert.is_nil(none)
        assert.is_string(why)
        assert.is_true(errno == c.EIO or errno == c.EFAULT)
        inferior:kill()
    end)

    it("in a debug register is refused when these are used up, and the message says so", function()
        local inferior <close> = points.start("calls", 1)
        local why, errno
        for i = 0, 16 do
            local breakpoint
            breakpoint, why, errno = inferior:breakpoint(points.address "marker" + 4 * i, "hardware")
            if not breakpoint then break end
        end
        assert.equal(c.ENOSPC, errno)
        assert.equal("breakpoint: all debug registers of the CPU are in use", why)
        local other = assert(inferior:breakpoint(points.address "marker"))
        assert.is_true(other:is_hardware()) -- it shares one
        assert.is_false(assert(inferior:breakpoint(points.address "main")):is_hardware())
        inferior:breakpoints()[2]:delete()
        assert.is_true(assert(inferior:breakpoint(points.address "patched")):is_hardware())
        inferior:kill()
    end)

    it("may be one of thousands", function()
        local inferior <close> = points.start("calls", 3)
        local text = {}
        for _, m in ipairs(inferior:mappings()) do
            if m.path:find("/points$") and m.perms:find("x") then text[#text + 1] = m end
        end
        local before = support.memory_of(inferior:pid(), text[1].start, 4096)
        local list = {}
        for at = text[1].start + 64, text[1].start + 3000, 4 do
            list[#list + 1] = assert(inferior:breakpoint(at, "software"))
        end
        assert.equal(before, inferior:read_memory(text[1].start, 4096))
        for _, one in ipairs(list) do one:delete() end
        assert.equal(before, support.memory_of(inferior:pid(), text[1].start, 4096))
        assert.equal(0, points.run(inferior)["breakpoint-hit"])
    end)
end)

describe("what stands beneath a software breakpoint", function()
    it("is what is read, searched and copied, and what snapshots have", function()
        local inferior <close> = points.start("calls", 2)
        local at, pid = points.address "marker", inferior:pid()
        local page = at & -4096
        local before = inferior:read_memory(at, 16)
        local clean <const> = inferior:snapshot { { start = page, stop = page + 4096 } }
        local breakpoint = assert(inferior:breakpoint(at, "software"))
        assert.not_equal(before, support.memory_of(pid, at, 16))
        assert.equal(before, inferior:read_memory(at, 16))
        assert.equal(before:sub(1, 2), inferior:read_memory(at, 2))
        assert.equal(at, inferior:search_memory(page, 4096, before))
        assert.is_true(clean:verify())
        local under = inferior:snapshot { { start = page, stop = page + 4096 } }
        assert.equal(clean:digest(), under:digest())
        local sp = inferior:read_register("sp") - 1024 & -16
        assert(inferior:copy_memory(sp, at, 16))
        assert.equal(before, inferior:read_memory(sp, 16))
        breakpoint:delete()
        assert.is_true(under:restore())
        assert.equal(before, support.memory_of(pid, at, 16))
        assert.equal(0, points.run(inferior)["signal-received"])
    end)

    it("is what is written, and what is there when it is deleted", function()
        local inferior <close> = points.start("calls", 3)
        local at = points.address "marker"
        local before = inferior:read_memory(at, 16)
        local breakpoint = assert(inferior:breakpoint(at, "software"))
        local other = before:reverse()
        assert(inferior:write_memory(at, other))
        assert.equal(other, inferior:read_memory(at, 16))
        local clean = inferior:snapshot { { start = at, stop = at + 16 } }
        assert(inferior:write_memory(at, before))
        inferior:cont()
        assert.equal("breakpoint-hit", inferior:wait(10000).reason) -- it is still there
        breakpoint:delete()
        assert.equal(before, support.memory_of(inferior:pid(), at, 16))
        assert.is_nil((clean:verify()))
        assert.equal(0, select(2, points.run(inferior)).exit_code)
    end)

    it("is left if the program itself has written over the breakpoint", function()
        local inferior <close> = points.start "patch"
        local at = points.address "patched"
        local breakpoint = assert(inferior:breakpoint(at, "software"))
        local marker = assert(inferior:breakpoint(points.address "marker", { ignore_count = 1 }))
        inferior:cont()
        assert.is_true(inferior:wait(10000).points[1] == marker)
        local now = support.memory_of(inferior:pid(), at, 4)
        assert.equal(now, inferior:read_memory(at, 4))
        breakpoint:delete()
        assert.equal(now, support.memory_of(inferior:pid(), at, 4))
        assert.equal(7, select(2, points.run(inferior)).exit_code)
    end)
end)

describe("the properties of a breakpoint", function()
    local function values(inferior, n)
        local seen = {}
        local count = points.run(inferior, function(event)
            if event.reason == "breakpoint-hit" then seen[#seen + 1] = inferior:read_register(cpu.argument) end
        end)
        assert.equal(n, count["breakpoint-hit"])
        return seen
    end

    for _, kind in ipairs(kinds) do
        it("say when it stops a thread: " .. kind, function()
            local inferior <close> = points.start("calls", 20)
            local asked = 0
            local breakpoint = assert(inferior:breakpoint(points.address "marker", { kind = kind, ignore_count = 2,
                condition = function(who, event, which)
                    asked = asked + 1
                    assert(who == inferior and event.reason == "breakpoint-hit" and which.hit_count)
                    return who:read_register(cpu.argument) % 4 == 0
                end }))
            assert.same({ 8, 12, 16 }, values(inferior, 3))
            assert.same({ 20, 5, 0 }, { asked, breakpoint.hit_count, breakpoint.ignore_count })
        end)
    end

    it("end it after one hit, if it is temporary; take it out, and put it back", function()
        local inferior <close> = points.start("calls", 10)
        local at = points.address "marker"
        local temporary = assert(inferior:breakpoint(at, { temporary = true }))
        local breakpoint = assert(inferior:breakpoint(at, { enabled = false }))
        inferior:cont()
        assert.same({ temporary }, inferior:wait(10000).points)
        assert.is_false(temporary:is_valid())
        assert.same({ breakpoint }, inferior:breakpoints())
        breakpoint.enabled = true
        inferior:cont()
        assert.same({ breakpoint }, inferior:wait(10000).points)
        breakpoint.enabled = false
        assert.equal(0, points.run(inferior)["breakpoint-hit"])
    end)

    it("limit it to one thread", function()
        for _, kind in ipairs(kinds) do
            local inferior <close> = points.start("threads", 100)
            local breakpoint = assert(inferior:breakpoint(points.address "marker", kind))
            inferior:cont()
            local thread = inferior:wait(10000).thread
            breakpoint.thread = thread
            local count = points.run(inferior, function(event)
                assert.is_true(event.reason ~= "breakpoint-hit" or event.thread == thread)
            end)
            assert.is_true(count["breakpoint-hit"] >= 99 and count["breakpoint-hit"] <= 102)
            assert.equal(99, breakpoint.hit_count - (count["breakpoint-hit"] - 99) - 1)
        end
    end)

    it("that are none, or of another type, raise", function()
        local inferior <close> = points.start("calls", 1)
        local at = points.address "marker"
        local breakpoint = assert(inferior:breakpoint(at))
        assert.has_error(function() breakpoint.color = 1 end)
        assert.has_error(function() breakpoint.condition = "x > 1" end)
        assert.has_error(function() breakpoint.thread = "one" end)
        assert.has_error(function() inferior:breakpoint(at, { color = 1 }) end)
        assert.has_error(function() inferior:breakpoint(at, { ignore_count = -1 }) end)
        assert.has_error(function() inferior:breakpoint(at, "wooden") end)
        assert.has_error(function() inferior:breakpoint(1.5) end)
        inferior:kill()
    end)

    it("tell of a condition that fails to say", function()
        local inferior <close> = points.start("calls", 1)
        assert(inferior:breakpoint(points.address "marker", { condition = function() error("no idea") end }))
        inferior:cont()
        assert.matches("no idea", inferior:wait(10000).condition_error)
        inferior:kill()
    end)
end)

describe("a handle", function()
    it("of a program that was replaced touches nothing of the next one", function()
        local inferior <close> = points.start "again"
        local at = points.address "marker"
        local old = assert(inferior:breakpoint(at, "software"))
        inferior:cont()
        assert.equal("breakpoint-hit", inferior:wait(10000).reason)
        inferior:cont()
        assert.equal("exec", inferior:wait(10000).reason)
        assert.is_false(old:is_valid())
        local new = assert(inferior:breakpoint(at, "software"))
        assert(old:delete())
        assert.equal(c.ENOENT, select(3, old:enable(true)))
        assert.is_true(new:is_valid())
        assert.equal(1, points.run(inferior)["breakpoint-hit"])
        assert.equal(1, new.hit_count)
    end)

    it("of a process that is gone, or was let go, does nothing", function()
        local inferior <close> = points.start("calls", 1)
        local one = assert(inferior:breakpoint(points.address "marker"))
        assert(inferior:detach())
        assert.is_false(one:is_valid())
        assert(one:delete())
        assert.equal(0, inferior:wait(10000).exit_code)
        local other, _, errno = inferior:breakpoint(points.address "marker")
        assert.same({ nil, c.ESRCH }, { other, errno })
        inferior:close()
        assert.has_error(function() one:delete() end)
        assert.is_true(tiexec.launch ~= nil)
    end)
end)
