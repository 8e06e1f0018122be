-- SPDX-License-Identifier: Apache-2.0
-- Watchpoints: every thread's touch of some data, with the value before and after.

local core = require "tiexec.core"
local points = require "tests.lib.points"
local support = require "tests.lib.support"

local c = core.constants
local is_x86 <const> = core.host().arch == "x86-64"

describe("a watchpoint", function()
    it("tells of each write of four threads, and of the value before and after", function()
        local TIMES <const> = support.patience > 1 and 40 or 500
        local inferior <close> = points.start("writes", TIMES)
        local watch = assert(inferior:watch(points.address "watched", 8))
        local threads, last_new = {}, 0
        local count, last = points.run(inferior, function(event)
            if event.reason ~= "watchpoint-trigger" then return end
            threads[event.thread] = (threads[event.thread] or 0) + 1
            assert.equal(points.address "watched", event.address)
            assert.equal(watch, event.points[1])
            assert.equal(last_new, event.old)
            assert.is_true(event.new >= event.old)
            last_new = event.new
        end)
        assert.same({ 0, 4 * TIMES, 4 * TIMES, 4 * TIMES },
            { last.exit_code, count["watchpoint-trigger"], watch.hit_count, last_new })
        for _, hits in pairs(threads) do assert.equal(TIMES, hits) end
    end)

    it("leaves its debug register to a breakpoint at any address, though threads ran meanwhile", function()
        local inferior <close> = points.start "spin"
        local watch = assert(inferior:watch(points.address "watched", 4))
        inferior:cont()
        assert(support.wait_for(function()
            inferior:wait(1)
            return #inferior:threads() == 5
        end))
        assert(watch:delete())
        -- An odd address, where the CPU has such instructions: the first, or the last, after 11 bytes.
        local offset = is_x86 and points.address "marker" % 2 == 0 and 11 or 0
        local breakpoint <close> = assert(inferior:breakpoint(points.address "marker" + offset,
            { kind = "hardware", ignore_count = 3 }))
        assert.equal("breakpoint-hit", assert(inferior:wait(20000)).reason)
        assert(inferior:interrupt())
        inferior:kill()
    end)

    it("tells of reads, if it is asked for those", function()
        for _, kind in ipairs { "read", "access" } do
            local inferior <close> = points.start("reads", 50)
            assert(inferior:watch(points.address "watched", 8, kind))
            local count = points.run(inferior)
            assert.equal(200, count[kind .. "-watchpoint-trigger"])
        end
        local inferior <close> = points.start("reads", 5)
        assert(inferior:watch(points.address "watched", 8, "write"))
        assert.equal(0, points.run(inferior)["watchpoint-trigger"])
    end)

    it("has properties as a breakpoint has", function()
        local inferior <close> = points.start("writes", 50)
        local watch = assert(inferior:watch(points.address "watched", 8, { kind = "write", ignore_count = 3,
            condition = function(_, event) return event.new % 10 == 0 end }))
        local count = points.run(inferior, function(event)
            assert.is_true(event.reason == "thread-exited" or event.new % 10 == 0)
        end)
        assert.equal(count["watchpoint-trigger"] + 3, watch.hit_count)
    end)

    it("is deleted while threads run, and none is stopped by it any more", function()
        local inferior <close> = points.start("writes", 5000)
        local watch = assert(inferior:watch(points.address "watched", 8))
        for _ = 1, 20 do
            inferior:cont()
            inferior:wait(10000)
        end
        inferior:cont()
        watch:delete()
        local event
        repeat
            event = assert(inferior:wait(10000))
            if not event.reason:find("^exited") then inferior:cont() end
            assert.is_nil(event.reason:find("watchpoint") or event.reason:find("signal"))
        until event.reason:find("^exited")
        assert.equal(0, event.exit_code)
    end)

    it("may have any size that the debug registers can hold", function()
        local inferior <close> = points.start("odd")
        local banner = points.address "banner"
        for _, case in ipairs { { 0, 1 }, { 1, 2 }, { 3, 5 }, { 4, 8 }, { 0, 16 } } do
            local watch = assert(inferior:watch(banner + case[1], case[2], "access"))
            watch:delete()
        end
        local watch = assert(inferior:watch(banner + 3, 3, "access"))
        inferior:cont()
        local event = inferior:wait(10000)
        assert.equal("access-watchpoint-trigger", event.reason)
        assert.same({ "ann", "ann" }, { event.old, event.new })
        watch:delete()
        assert.equal(6, select(2, points.run(inferior)).exit_code)
    end)

    it("is refused when the debug registers are used up, and the message says so", function()
        local inferior <close> = points.start("odd")
        local banner, why, errno = points.address "banner", nil, nil
        for i = 0, 16 do
            local watch
            watch, why, errno = inferior:watch(banner + i, 1)
            if not watch then break end
        end
        assert.same({ "watch: all debug registers of the CPU are in use", c.ENOSPC }, { why, errno })
        if is_x86 then -- they are the same as those of breakpoints
            assert.equal(c.ENOSPC, select(3, inferior:breakpoint(points.address "main", "hardware")))
        end
        inferior:breakpoints()[1]:delete()
        assert(inferior:watch(banner + 20, 1))
        assert.equal(c.ENOSPC, select(3, inferior:watch(banner + 24, 16)))
        inferior:kill()
    end)

    it("of nothing that is mapped, or of no size, is refused", function()
        local inferior <close> = points.start("odd")
        assert.is_nil((inferior:watch(8, 8)))
        assert.has_error(function() inferior:watch(points.address "watched", 0) end)
        assert.has_error(function() inferior:watch(points.address "watched", 1 << 20) end)
        assert.has_error(function() inferior:watch(points.address "watched", 8, "look") end)
        inferior:kill()
    end)
end)
