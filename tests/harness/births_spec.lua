-- SPDX-License-Identifier: Apache-2.0
-- Breakpoints of programs that fork, exec, clone and end: on the very instruction, too.

local core = require "tiexec.core"
local points = require "tests.lib.points"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local c = core.constants
local kinds = { "software", "hardware" }

-- The program with standard output in a file, whose text comes after it has ended.
local function start_told(folder, ...)
    local words = { "sh", "-c", 'exec "$0" "$@" >' .. folder.path .. "/out", points.program, ... }
    local inferior = assert(tiexec.launch(words))
    inferior:cont()
    assert.equal("exec", inferior:wait(10000).reason)
    return inferior, function() return support.read_file(folder.path .. "/out") end
end

-- Lets all go on to their ends, and takes in what they start. Gives the reasons told, by inferior.
local function run_all(first)
    local all, told = { first }, { [first] = {} }
    first:cont()
    while #all > 0 do
        local which, event = assert(tiexec.wait_any(all, 20000))
        table.insert(told[which], event.reason)
        if event.child then
            local child = assert(which:adopt(event.child))
            all[#all + 1], told[child] = child, {}
            child:cont()
        end
        if event.reason:find("^exited") then
            for i = #all, 1, -1 do
                if all[i] == which then table.remove(all, i) end
            end
        else
            which:cont()
        end
    end
    return told
end

local function count(list, what)
    local n = 0
    for _, word in ipairs(list) do n = n + (word == what and 1 or 0) end
    return n
end

describe("a process that is forked", function()
    for _, kind in ipairs(kinds) do
        it("has none of the breakpoints of its parent: " .. kind, function()
            local folder <close> = support.folder()
            local inferior <close>, output = start_told(folder, "fork")
            assert(inferior:breakpoint(points.address "marker", kind))
            local reasons, last = points.run(inferior)
            assert.same({ 0, 0 }, { last.exit_code, reasons["breakpoint-hit"] })
            assert.equal("ends 0 100 0\n", output())
        end)

        it("has its own, if it is followed: " .. kind, function()
            local folder <close> = support.folder()
            local inferior, output = start_told(folder, "fork")
            assert(inferior:follow_fork(true))
            assert(inferior:breakpoint(points.address "marker", kind))
            local told = run_all(inferior)
            local hits, children = 0, 0
            for which, reasons in pairs(told) do
                if which ~= inferior then
                    children = children + 1
                    hits = hits + count(reasons, "breakpoint-hit")
                end
            end
            assert.same({ 3, 3, 0 }, { children, hits, count(told[inferior], "breakpoint-hit") })
            assert.equal("ends 0 100 0\n", output())
        end)
    end

    it("has objects for the breakpoints that it has inherited, which are its own", function()
        local folder <close> = support.folder()
        local inferior <close>, output = start_told(folder, "fork")
        assert(inferior:follow_fork(true))
        local mine = assert(inferior:breakpoint(points.address "marker", { kind = "software", ignore_count = 7 }))
        inferior:cont()
        local event = assert(inferior:wait(10000))
        assert.equal("fork", event.reason)
        do
            local child <close> = assert(inferior:adopt(event.child))
            local its = child:breakpoints()
            assert.same({ 1, 7, mine.address }, { #its, its[1].ignore_count, its[1].address })
            its[1]:delete()
            assert.is_true(mine:is_valid())
        end
        assert(inferior:follow_fork(false))
        points.run(inferior)
        assert.equal("ends 0 100 0\n", output())
    end)

    it("is one, whatever its parent is made to do at the event", function()
        for _, how in ipairs { "cont", "syscall" } do
            local folder <close> = support.folder()
            local inferior <close>, output = start_told(folder, "fork")
            assert(inferior:follow_fork(true))
            local reasons, last = points.run(inferior, function(event)
                if not event.child then return end
                local undo <close> = assert(inferior:save())
                assert.equal(inferior:pid(), inferior:remote_syscall("getpid"))
                assert(assert(inferior:adopt(event.child)):detach())
            end, how == "syscall" and how or nil)
            assert.same({ 3, 0 }, { reasons.fork, last.exit_code })
            if how == "syscall" then assert.equal(reasons["syscall-entry"], reasons["syscall-return"] + 1) end
            assert.equal("ends 0 100 0\n", output())
        end
    end)

    it("is let go, if it was not told of before it is not followed any more", function()
        local folder <close> = support.folder()
        local inferior <close>, output = start_told(folder, "fork")
        assert(inferior:follow_fork(true))
        assert(inferior:breakpoint(points.address "marker", "software"))
        inferior:cont()
        local path = ("/proc/%d/task/%d/children"):format(inferior:pid(), inferior:pid())
        assert(support.wait_for(function() return support.read_file(path) ~= "" end))
        assert(inferior:interrupt(10000)) -- which keeps the event
        assert(inferior:follow_fork(false))
        local reasons, last = points.run(inferior)
        assert.same({ 0, 0 }, { last.exit_code, reasons.fork })
        assert.equal("ends 0 100 0\n", output())
    end)

    it("has none that was deleted before it was adopted", function()
        local folder <close> = support.folder()
        local inferior <close>, output = start_told(folder, "fork")
        assert(inferior:follow_fork(true))
        assert(inferior:breakpoint(points.address "marker", "software"))
        inferior:cont()
        local event = assert(inferior:wait(10000))
        inferior:breakpoints()[1]:delete()
        assert(assert(inferior:adopt(event.child)):detach())
        assert(inferior:follow_fork(false))
        points.run(inferior)
        assert.equal("ends 0 100 0\n", output())
    end)

    -- Processes that this one traces, and that are none of the inferior's.
    local function strays(inferior)
        local own, list = tostring(core.getpid()), {}
        for id in support.shell("grep -l '^TracerPid:.' /proc/[0-9]*/status 2>/dev/null").out:gmatch("/proc/(%d+)/") do
            local text = support.read_file("/proc/" .. id .. "/status") or ""
            if text:match("TracerPid:%s+(%d+)") == own and id ~= tostring(inferior:pid()) then list[#list + 1] = id end
        end
        return list
    end

    it("is let go, if an exec of another thread keeps its maker from telling of it", function()
        local folder <close> = support.folder()
        local inferior <close> = assert(tiexec.launch { { support.programs .. "errands", "fx", "1",
            folder.path .. "/end" }, stdout = false })
        inferior:pass_signals(true)
        assert(inferior:breakpoint(assert(inferior:symbol "halve"), "software"))
        -- The second thread forks, and is killed where it would tell of that, when the first one execs. Whether it has
        -- come to that when nobody waits any more is chance.
        local times, left, event = 0, true, nil
        for attempt = 1, 100 do
            assert(inferior:cont())
            repeat event = inferior:wait(1) until event or #points.states(inferior:pid()) == 2
            for _ = 1, attempt % 4 do event = event or inferior:wait(0) end
            if not event then
                support.wait_for(function() return points.states(inferior:pid()):find("Z") end, 3)
                times = times + (#strays(inferior) > 0 and 1 or 0)
                event = inferior:wait(20000)
            end
            if not event or event.reason ~= "exec" then break end
            left = support.wait_for(function() return #strays(inferior) == 0 end, 3)
            if not left or times == 6 then break end
        end
        assert(inferior:kill()) -- it would go on for ever
        assert.equal("exec", event and event.reason)
        assert.is_true(left, "nobody lets its child go")
        assert.is_true(times > 0)
    end)

    it("by vfork and followed, leaves none of its own in the memory of its parent", function()
        local folder <close> = support.folder()
        local inferior <close> = assert(tiexec.launch { { support.programs .. "errands", "cv", "1",
            folder.path .. "/end" }, stdout = folder.path .. "/out" })
        inferior:pass_signals(true)
        inferior:cont()
        assert(inferior:interrupt())
        assert(inferior:follow_fork(true))
        inferior:cont()
        local event = assert(inferior:wait(10000))
        assert.equal("vfork", event.reason)
        local child <close> = assert(inferior:adopt(event.child))
        local marker = assert(inferior:symbol "marker")
        local bytes = support.memory_of(inferior:pid(), marker, 8)
        assert(child:breakpoint(marker, "software"))
        local mine = assert(inferior:breakpoint(marker, "software"))
        assert.equal(bytes, support.memory_of(inferior:pid(), marker, 8))
        child:cont()
        assert.equal("exec", child:wait(10000).reason)
        assert(child:detach())
        inferior:cont()
        assert.equal("breakpoint-hit", inferior:wait(10000).reason)
        assert.is_true(mine:delete())
        assert(inferior:follow_fork(false))
        support.write_file(folder.path .. "/end", "")
        local _, last = points.run(inferior)
        assert.same({ 7, "right\n" }, { last.exit_code, support.read_file(folder.path .. "/out") })
    end)

    it("by vfork and followed, does not keep its parent from being let go", function()
        for _, ends in ipairs { "detached", "closed", "attached to again, in vain" } do
            local folder <close> = support.folder()
            local program <close> = support.start({ support.programs .. "errands", "cv", "2", folder.path .. "/end" },
                ">" .. folder.path .. "/out")
            assert(support.wait_for(function() return support.has_become(program.pid, "errands") end))
            local inferior = assert(tiexec.attach(program.pid))
            assert(inferior:follow_fork(true))
            inferior:pass_signals(true)
            assert(inferior:watch("spare", 4))
            inferior:cont()
            local event = assert(inferior:wait(10000))
            assert.equal("vfork", event.reason)
            local child = assert(inferior:adopt(event.child))
            inferior:cont()
            if ends == "closed" then inferior:close() else assert(inferior:detach(100)) end
            if ends:find("again") then -- some thread of it waits for the child, which is held
                assert.equal(c.ETIMEDOUT, (select(3, tiexec.attach(program.pid, 100))))
            end
            assert(child:detach())
            assert(support.wait_for(function() return core.status(program.pid, "TracerPid") == 0 end))
            local armed = support.run { support.programs .. "armed", tostring(program.pid) }
            assert.equal("", armed.out:match("^(.-)%d+ 3\n"))
            support.write_file(folder.path .. "/end", "")
            assert(support.wait_for(function() return not program:is_alive() end))
            assert.equal("right\n", support.read_file(folder.path .. "/out"))
        end
    end)

    it("by vfork, runs without those of its parent, which has them again afterwards", function()
        local path = support.programs .. "spawning"
        local value = support.shell(("nm -D %s /lib*/*/libc.so.6 2>/dev/null"):format(path)).out
        assert.is_string(value)
        local inferior <close> = assert(tiexec.launch { "sh", "-c", 'exec "$0" vfork 3 >/dev/null', path })
        inferior:cont()
        assert.equal("exec", inferior:wait(10000).reason)
        local entry = inferior:auxv().AT_ENTRY
        local breakpoint = assert(inferior:breakpoint(entry, "software"))
        local pid = inferior:pid()
        local planted = support.memory_of(pid, entry, 8)
        local reasons, last = points.run(inferior)
        assert.same({ 1, 1 }, { reasons["breakpoint-hit"], breakpoint.hit_count })
        assert.is_true(#planted == 8 and last.exit_code ~= nil)
    end)
end)

-- Lets a process that forks be killed when a child of it is there, and nobody has been told. `ask(inferior)` says what
-- becomes of the inferior then.
local function kill_in_fork(jobs, name, object, ask)
    local folder <close> = support.folder()
    local told = folder.path .. "/told"
    local reaper <close> = support.start({ support.programs .. "reaper", support.programs .. "errands", jobs, "2",
        folder.path .. "/end" }, ">" .. told)
    local function child_of(pid)
        return support.shell(("cat /proc/%d/task/*/children 2>/dev/null"):format(pid)).out:match("%d+")
    end
    local pid = math.tointeger(support.wait_for(function() return child_of(reaper.pid) end))
    assert(support.wait_for(function() return #points.states(pid) == 3 end))
    local inferior <close> = assert(tiexec.attach(pid))
    assert(inferior:breakpoint(assert(inferior:symbol(name, object)), "software"))
    inferior:pass_signals(true)
    inferior:cont()
    local child = assert(support.wait_for(function()
        local one = child_of(pid)
        if one and points.states(one) == "t" then return one end
        inferior:wait(1)
    end))
    os.execute("kill -KILL " .. pid)
    assert(support.wait_for(function() return points.states(pid):find("^[ZX]*$") end))
    ask(inferior)
    support.write_file(folder.path .. "/end", "")
    assert(support.wait_for(function() return not reaper:is_alive() end))
    return support.read_file(told):match("\n?" .. child .. " other ([^\n]*)")
end

describe("a process whose parent is killed before it can tell of it", function()
    local asks = {
        waited = function(inferior)
            assert.equal("exited-signalled", inferior:wait(10000).reason)
            assert.equal(c.ESRCH, select(3, inferior:wait(300)))
        end,
        closed = function(inferior) inferior:close() end,
        detached = function(inferior) inferior:detach() end,
    }
    for how, ask in pairs(asks) do
        it("has none of the breakpoints of its parent, which is " .. how, function()
            for _ = 1, support.rounds(5) do
                assert.matches("^exit 1%d%d$", kill_in_fork("f", "_exit", "libc", ask))
            end
        end)
    end
end)

describe("a breakpoint on the instruction of a system call", function()
    for _, kind in ipairs(kinds) do
        local function at_call(...)
            local inferior = points.start(...)
            local breakpoint = assert(inferior:breakpoint(points.address "raw_insn", kind))
            inferior:cont()
            assert.equal("breakpoint-hit", inferior:wait(10000).reason)
            assert.equal(1, breakpoint.hit_count)
            return inferior
        end

        it("that becomes another program: " .. kind, function()
            local inferior <close> = at_call("raw", "exec")
            inferior:cont()
            assert.equal("exec", inferior:wait(10000).reason)
            local reasons, last = points.run(inferior)
            assert.same({ 0, 0 }, { last.exit_code, reasons["breakpoint-hit"] })
        end)

        it("that makes a thread: " .. kind, function()
            local inferior <close> = at_call("raw", "thread")
            local reasons, last = points.run(inferior)
            -- the next call, which ends the process, is by the same instruction
            assert.same({ 9, 1 }, { last.exit_code, reasons["breakpoint-hit"] })
            assert.equal(0, reasons["signal-received"])
        end)

        it("that makes a process: " .. kind, function()
            local inferior <close> = at_call("raw", "fork")
            local reasons, last = points.run(inferior)
            assert.same({ 9, 1 }, { last.exit_code, reasons["breakpoint-hit"] })
        end)

        it("that ends the process: " .. kind, function()
            local inferior <close> = at_call("raw", "exit")
            inferior:cont()
            assert.equal(9, inferior:wait(10000).exit_code)
        end)

        it("is passed by a step, which is the call: " .. kind, function()
            local inferior <close> = at_call("raw", "fork")
            local pc = inferior:read_register("pc")
            inferior:stepi()
            assert.equal("end-stepping-range", inferior:wait(10000).reason)
            local moved = inferior:read_register("pc") - pc
            assert.is_true(moved == 2 or moved == 4)
            inferior:kill()
        end)

        it("is passed to the call's entry, which is told: " .. kind, function()
            local inferior <close> = at_call("raw", "fork")
            inferior:cont("syscall")
            local event = inferior:wait(10000)
            assert.same({ "syscall-entry", tiexec.constants.SIGCHLD or 17 }, { event.reason, event.arguments[1] })
            inferior:kill()
        end)
    end
end)
