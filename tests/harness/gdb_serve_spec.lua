-- SPDX-License-Identifier: Apache-2.0
-- `inferior:serve`: a script hands its inferior over to gdb and gets it back, whatever the peer does.

local core = require "tiexec.core"
local gdb_trial = require "tests.lib.gdb_trial"
local packets = require "tiexec.gdb.packets"
local session = require "tests.lib.gdb_session"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local c = core.constants
local debuggee = support.programs .. "debuggee"

local function launch(word) return assert(tiexec.launch { { debuggee, word }, stdout = false }) end

local function touch_of(inferior) return assert(inferior:symbol "touch") end

local function conversation(...)
    local list = {}
    for i, payload in ipairs { ... } do list[i] = payload == "\3" and payload or packets.frame(payload) end
    return table.concat(list)
end

-- Runs on to the end. Gives the event.
local function finish(inferior)
    assert(inferior:cont())
    while true do
        local event = assert(inferior:wait(20000 * support.patience))
        if event.reason:find("^exited") then return event end
        assert(inferior:cont())
    end
end

describe("inferior:serve", function()
    local folder

    setup(function() folder = support.folder() end)
    teardown(function() getmetatable(folder).__close() end)

    it("hands the inferior over to gdb, which gives it back as it was, but for what it has changed", function()
        local inferior <close> = launch()
        local touch = touch_of(inferior)
        local before = inferior:read_memory(touch, 16)
        local gdb
        local outcome, event = inferior:serve("0", { told = function(where)
            local words = support.concat(session.start, { "-batch", "-ex", "target remote " .. where, "-ex",
                "break touch", "-ex", "continue", "-ex", "set var counter=100", "-ex", "detach", debuggee })
            gdb = io.popen(support.quote(words) .. " 2>&1 </dev/null")
        end })
        assert.matches("Breakpoint 1, touch %(i=", gdb:read("a"))
        gdb:close()
        assert.equal("detached", outcome)
        assert.is_nil(event)
        assert.equal(100, inferior:read_i32(assert(inferior:symbol "counter")))
        assert.equal(before, support.memory_of(inferior:pid(), touch, 16))
        assert.equal(touch, inferior:read_register("pc"))
        assert.same({}, inferior:breakpoints())
        assert.equal(6, finish(inferior).exit_code)
    end)

    it("gives it back when the peer is gone, with no breakpoint left", function()
        for _, last in ipairs { "?", "vCont;c" } do
            local inferior <close> = launch "spin"
            local touch = touch_of(inferior)
            local before = inferior:read_memory(touch, 16)
            local path = folder.path .. "/bytes"
            support.write_file(path, conversation(("Z0,%x,1"):format(touch + #before), last))
            local peer <close> = assert(core.stream_spawn("cat " .. path))
            local outcome, why, errno = inferior:serve(peer)
            assert.is_nil(outcome)
            assert.equal(c.EPIPE, errno, why)
            assert.equal(before, support.memory_of(inferior:pid(), touch, 16))
            assert.same({}, inferior:breakpoints())
            assert.is_truthy(inferior:read_register("pc")) -- it is stopped
            assert(inferior:detach())
            assert.equal(0, core.status(inferior:pid(), "TracerPid"))
            os.execute("kill -KILL " .. inferior:pid())
        end
    end)

    it("tells of the end, and of a kill", function()
        local inferior <close> = launch()
        local outcome, event = gdb_trial.converse(inferior, folder.path, conversation("QPassSignals:1e", "vCont;c"))
        assert.same({ "exited", 5 }, { outcome, event.exit_code })
        local other <close> = launch()
        outcome, event = gdb_trial.converse(other, folder.path, conversation("vKill;1"))
        assert.same({ "killed", "exited-signalled" }, { outcome, event.reason })
    end)

    it("tells of the end, though it comes when gdb has let the inferior go and has its child yet", function()
        local inferior <close> = assert(tiexec.launch { { "sh", "-c", "sleep 600 & exit 3" }, stdout = false })
        local path = folder.path .. "/peer"
        support.write_file(path, [[
import os, re, sys, time
pid = int(sys.argv[1])
def send(text): os.write(1, b"$%s#%02x" % (text, sum(text) & 255))
def until(pattern):
    got = b""
    while not re.search(pattern, got):
        more = os.read(0, 65536)
        if not more: sys.exit(1)
        got += more
send(b"qSupported:multiprocess+;fork-events+;vfork-events+"); until(rb"fork-events\+")
send(b"vCont;c"); until(rb"fork:p")
send(b"D;%x" % pid); until(rb"OK#")
limit = time.time() + 30
while ") Z" not in open("/proc/%d/stat" % pid).read() and time.time() < limit: time.sleep(.001)
]])
        local peer <close> = assert(core.stream_spawn(("exec python3 %s %d"):format(path, inferior:pid())))
        local child
        local outcome, event = inferior:serve(peer)
        for id in support.shell("pgrep -x sleep").out:gmatch("%d+") do
            if core.status(math.tointeger(id), "PPid") ~= 0 and support.read_file("/proc/" .. id .. "/cmdline")
                == "sleep\000600\0" and core.status(math.tointeger(id), "TracerPid") == 0 then child = id end
        end
        assert.same({ "exited", 3 }, { outcome, event and event.exit_code })
        assert.is_truthy(child)
        os.execute("kill -KILL " .. child)
    end)

    it("stops at Ctrl-C", function()
        local inferior <close> = launch "spin"
        assert.equal("detached", gdb_trial.converse(inferior, folder.path, conversation("vCont;c", "\3", "D")))
        assert.is_truthy(inferior:read_register("pc"))
        inferior:kill()
    end)

    it("refuses what is no place, and what ended", function()
        local inferior <close> = launch()
        assert.same({ c.EINVAL }, { (select(3, inferior:serve("no place"))) })
        inferior:kill()
        assert.equal("exited-signalled", inferior:wait(20000).reason)
        assert.same({ c.ESRCH }, { (select(3, inferior:serve("0"))) })
    end)

    it("takes whatever a peer sends", function()
        for seed = 1, support.rounds(60) do
            math.randomseed(seed, 0)
            local ok, why = pcall(gdb_trial.run, folder.path, 40)
            assert.is_true(ok, ("seed %d: %s"):format(seed, tostring(why)))
        end
    end)
end)
