-- SPDX-License-Identifier: Apache-2.0
-- Several inferiors at once, and processes that an inferior starts.

local core = require "tiexec.core"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local c = tiexec.constants

core.open_late(core) -- streams
local target = support.programs .. "target"

local function sh(script, ...) return assert(tiexec.launch { "sh", "-c", script, ... }) end

-- Lets all inferiors go on to their ends, and takes in the processes that they start. Gives the reasons of their events
-- in order, by process id. `each(event)` is called before the inferior goes on.
local function run_all(inferiors, each)
    local told = {}
    for _, inferior in pairs(inferiors) do inferior:cont() end
    while next(inferiors) do
        local inferior, event = assert(tiexec.wait_any(inferiors))
        local pid = inferior:pid()
        told[pid] = told[pid] or {}
        table.insert(told[pid], event.exit_code and "exited " .. event.exit_code or event.reason)
        if event.child then
            local child = assert(inferior:adopt(event.child))
            inferiors[event.child] = child
            child:cont()
        end
        if each and not event.child then each(event) end
        if event.reason:find("^exited") then inferiors[pid] = nil else inferior:cont() end
    end
    return told
end

describe("several inferiors", function()
    it("are waited for together, and each event is told with its own", function()
        local inferiors, expected = {}, {}
        for code = 1, 5 do
            local inferior = sh("exit " .. code)
            inferiors[inferior:pid()] = inferior
            expected[inferior:pid()] = { "exited " .. code }
        end
        assert.same(expected, run_all(inferiors))
    end)

    it("are waited for no longer than is said; and not at all if all are stopped", function()
        local one <close> = assert(tiexec.launch { "sleep", "60" })
        local other <close> = assert(tiexec.launch { "sleep", "60" })
        local none, _, errno = tiexec.wait_any({ one, other }, 10)
        assert.same({ nil, c.ECHILD }, { none, errno })
        one:cont()
        none, _, errno = tiexec.wait_any({ one, other }, 10)
        assert.same({ nil, c.ETIMEDOUT }, { none, errno })
        one:kill()
        other:kill()
    end)

    it("keep hold of threads that stop before the one that made them can tell", function()
        -- It is no child of this process, as a program under tiexec is no child of its tracer.
        local library = core.readlink("/proc/self/cwd") .. "/" .. support.programs .. "constructor"
        local pipe = assert(io.popen(("CONSTRUCTOR=churn LD_PRELOAD=%s sleep 60 >/dev/null & echo $!"):format(library)))
        local pid = math.tointeger(pipe:read("l"))
        pipe:close()
        assert(support.wait_for(function() return (core.readlink("/proc/" .. pid .. "/exe") or ""):find("sleep") end))
        local inferior <close> = assert(tiexec.attach(pid))
        inferior:cont()
        local ended = 0
        while ended < support.rounds(20000) do
            local who, event, errno = tiexec.wait_any({ inferior }, 1)
            assert(who or errno == c.ETIMEDOUT)
            if who then
                ended = ended + (event.reason == "thread-exited" and 1 or 0)
                inferior:cont()
            end
        end
        assert(inferior:interrupt(5000 * support.patience))
        for _, name in ipairs(core.list_folder(("/proc/%d/task"):format(pid))) do
            local tid = math.tointeger(tonumber(name))
            if tid then assert.not_equal(0, core.status(tid, "TracerPid")) end
        end
        inferior:kill()
    end)

    it("are a misuse when they are closed, or something else", function()
        local inferior = sh("exit 0")
        inferior:kill()
        inferior:close()
        assert.has_error(function() tiexec.wait_any { inferior } end)
        assert.has_error(function() tiexec.wait_any { 1 } end)
    end)
end)

describe("a process that an inferior starts", function()
    local function count(list, what)
        local n = 0
        for _, word in ipairs(list) do n = n + (word == what and 1 or 0) end
        return n
    end

    it("is told of and taken over, whatever becomes of it", function()
        local inferior = sh('(exit 3); "$0" >/dev/null; (sh -c "exit 5"; exit 6) & wait', target)
        assert(inferior:follow_fork(true))
        local first, ends = inferior:pid(), {}
        local told = run_all { [first] = inferior }
        assert.equal(3, count(told[first], "fork") + count(told[first], "vfork"))
        for pid, reasons in pairs(told) do
            if pid ~= first then table.insert(ends, reasons[#reasons]) end
        end
        table.sort(ends)
        assert.same({ "exited 3", "exited 3", "exited 5", "exited 6" }, ends)
    end)

    it("by vfork, is told of before it execs", function()
        local inferior = sh('exec "$0" vfork 3 >/dev/null', support.programs .. "spawning")
        assert(inferior:follow_fork(true))
        local first = inferior:pid()
        local told = run_all { [first] = inferior }
        assert.equal(3, count(told[first], "vfork"))
        told[first] = nil
        for _, reasons in pairs(told) do assert.same({ "exec", "exited 7" }, reasons) end
    end)

    it("by vfork, is over when it has the memory of another program, which is told if that is asked for", function()
        local inferior = sh('exec "$0" vfork 3 >/dev/null', support.programs .. "spawning")
        assert(inferior:follow_fork(true, true))
        local first = inferior:pid()
        local calls = 0
        local told = run_all({ [first] = inferior }, function(event)
            if event.reason ~= "vfork-done" then return end
            assert.equal(first, inferior:remote_syscall("getpid")) -- the call of vfork is not over
            calls = calls + 1
        end)
        assert.same({ 3, 3, 3 }, { count(told[first], "vfork"), count(told[first], "vfork-done"), calls })
    end)

    it("does not keep a wait for others from telling what happens to these, or of something to read", function()
        local one, other = sh("exit 3"), sh("exit 4")
        assert(one:cont())
        assert(support.wait_for(function()
            return (support.read_file(("/proc/%d/stat"):format(one:pid())) or ""):find("%) Z")
        end))
        local stream <close> = assert(core.stream_spawn("echo text; exec cat >/dev/null"))
        assert(other:cont())
        local which, event = tiexec.wait_any({ other }, 20000)
        assert.same({ other, 4 }, { which, event.exit_code })
        local third = sh("sleep 600")
        assert(third:cont())
        assert.equal(c.EAGAIN, select(3, tiexec.wait_any({ third }, 20000, stream)))
        which, event = tiexec.wait_any({ one, third }, 20000)
        assert.same({ one, 3 }, { which, event.exit_code })
        third:kill()
    end)
end)

describe("signals that pass", function()
    it("reach the program and are not told of", function()
        local inferior = sh("trap 'n=$((n+1))' USR1; n=0; kill -USR1 $$; kill -USR1 $$; kill -WINCH $$; exit $n")
        inferior:pass_signals(true)
        inferior:cont()
        assert.same({ reason = "exited", thread = inferior:pid(), exit_code = 2 }, inferior:wait())
    end)

    it("stop it, and let it go on, by job control", function()
        local inferior = sh("kill -STOP $$; exit 4")
        inferior:pass_signals(true)
        inferior:cont()
        assert(support.wait_for(function()
            assert.equal(c.ETIMEDOUT, select(3, inferior:wait(1)))
            return support.read_file(("/proc/%d/status"):format(inferior:pid())):find("State:%s+T")
                or support.read_file(("/proc/%d/status"):format(inferior:pid())):find("State:%s+t")
        end))
        os.execute("kill -CONT " .. inferior:pid())
        assert.equal(4, inferior:wait().exit_code)
    end)
end)
