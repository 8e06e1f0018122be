-- SPDX-License-Identifier: Apache-2.0
-- Ends: that of an inferior is told once, whatever is being done to it; that of a script leaves its inferiors
-- untouched.

local core = require "tiexec.core"
local points = require "tests.lib.points"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local c = core.constants

describe("the end of an inferior", function()
    -- An inferior that has ended with 7, and nobody has been told.
    local function ended()
        local inferior = assert(tiexec.launch { "sh", "-c", "exit 7" })
        inferior:cont()
        assert(support.wait_for(function()
            return (support.read_file(("/proc/%d/stat"):format(inferior:pid())) or ""):find("%) Z")
        end))
        return inferior
    end

    local attempts = {
        interrupt = function(inferior) return inferior:interrupt() end,
        ["remote call"] = function(inferior) return inferior:remote_syscall("getpid") end,
        breakpoint = function(inferior) return inferior:breakpoint(4096, "hardware") end,
        detach = function(inferior) return inferior:detach() end,
        kill = function(inferior) return inferior:kill() end,
        cont = function(inferior) return inferior:cont() end,
        memory = function(inferior) return inferior:read_memory(4096, 1) end,
        nothing = function() end,
    }
    for name, attempt in pairs(attempts) do
        it("is told once, after an attempt at something: " .. name, function()
            local inferior <close> = ended()
            attempt(inferior)
            assert.equal(7, assert(inferior:wait(10000)).exit_code)
            assert.equal(c.ESRCH, select(3, inferior:wait(10000)))
        end)
    end

    it("is the reason that its memory gives, when nothing of it is left", function()
        local inferior <close> = points.start "fork"
        assert(inferior:follow_fork(true))
        inferior:cont()
        local child <close> = assert(inferior:adopt(assert(inferior:wait(10000)).child))
        assert(child:kill())
        assert.equal("exited-signalled", child:wait(10000).reason)
        assert(inferior:follow_fork(false))
        points.run(inferior)
        assert.is_nil(core.status(child:pid(), "TracerPid"))
        local calls = { search_memory = { 4096, 64, "text" }, read_memory = { 4096, 8 }, write_memory = { 4096, "x" },
            copy_memory = { 4096, 8192, 8 }, read_string = { 4096 }, snapshot = { { { start = 4096, stop = 8192 } } } }
        for name, list in pairs(calls) do
            local nothing, why, errno = child[name](child, table.unpack(list))
            assert.same({ name, nil, "string", c.ESRCH }, { name, nothing, type(why), errno })
        end
    end)

    it("leaves nothing to read, write or kill under its id", function()
        local inferior <close> = assert(tiexec.launch { "sleep", "0" })
        local start = inferior:mappings()[1].start
        points.run(inferior)
        local pid = inferior:pid()
        local other <close>, why = support.start_as(pid)
        if not other then return support.pending(why) end
        assert.equal(c.ESRCH, select(3, inferior:read_memory(start, 4)))
        assert.equal(c.ESRCH, select(3, inferior:write_memory(start, "x")))
        assert.equal(c.ESRCH, select(3, inferior:kill()))
        assert.equal(c.ESRCH, select(3, inferior:mappings()))
        assert.equal(c.ESRCH, select(3, inferior:auxv()))
        assert.is_true(other:is_alive())
    end)
end)

describe("the end of a script", function()
    it("comes by a signal that finds it in a condition, too", function()
        local folder <close> = support.folder()
        local program <close> = support.start { points.program, "spin" }
        assert(support.wait_for(function() return #points.states(program.pid) == 5 end))
        support.write_file(folder.path .. "/script.lua", [[
            local inferior = assert(tiexec.attach(math.tointeger(arg[1])))
            assert(inferior:breakpoint(math.tointeger(arg[2]), { kind = "software", condition = function()
                io.stdout:write("ready\n"):flush()
                while true do end
            end }))
            while true do
                inferior:cont()
                inferior:wait(10)
            end
        ]])
        local out = folder.path .. "/out"
        local tracer <close> = support.start({ support.tiexec, "--script", folder.path .. "/script.lua",
            tostring(program.pid), tostring(points.address "marker") }, ">" .. out .. " 2>&1")
        assert(support.wait_for(function() return (support.read_file(out) or ""):find("ready") end))
        os.execute("kill -TERM " .. tracer.pid)
        assert(support.wait_for(function() return not tracer:is_alive() end, 10))
        assert.equal(0, core.status(program.pid, "TracerPid"))
        assert.is_true(program:is_alive())
    end)

    local script = [[
        local pid, at, kind, how = math.tointeger(arg[1]), math.tointeger(arg[2]), arg[3], arg[4]
        local inferior = assert(tiexec.attach(pid))
        if kind == "watch" then
            assert(inferior:watch(at, 4))
        else
            assert(inferior:breakpoint(at, kind))
        end
        io.stdout:write("ready\n")
        io.stdout:flush()
        for i = 1, math.huge do
            if i > math.tointeger(arg[5]) then
                if how == "return" then return end
                if how == "error" then error("that was it") end
                if how == "exit" then os.exit(3) end
                if how == "exit and close" then os.exit(3, true) end
            end
            inferior:cont()
            inferior:wait()
        end
    ]]

    -- Ends a script at some moment, and looks at the process that it was attached to.
    local function try(folder, kind, how, moment)
        local program <close> = support.start { points.program, "spin" }
        assert(support.wait_for(function() return #points.states(program.pid) == 5 end))
        local at = points.address(kind == "watch" and "counter" or "marker")
        local text = points.address "marker"
        local before = support.memory_of(program.pid, text, 16)
        local out = folder.path .. "/out"
        support.write_file(out, "")
        local is_signal = how:find("^SIG")
        local last = is_signal and math.maxinteger or moment
        local tracer <close> = support.start({ support.tiexec, "--script", folder.path .. "/script.lua",
            tostring(program.pid), tostring(at), kind, how, tostring(last) }, ">" .. out .. " 2>&1")
        assert(support.wait_for(function() return support.read_file(out):find("ready") end))
        if is_signal then
            core.pause(moment % 50)
            os.execute(("kill -%s %d"):format(how:sub(4), tracer.pid))
        end
        assert(support.wait_for(function() return not tracer:is_alive() end))
        assert.is_true(program:is_alive(), "it has died: " .. how .. " " .. kind)
        assert.equal(0, core.status(program.pid, "TracerPid"))
        assert.equal(before, support.memory_of(program.pid, text, 16))
        assert.is_nil(points.states(program.pid):find("[tT]"))
        local counter = points.address "counter"
        local value = support.memory_of(program.pid, counter, 4)
        assert.is_true(support.wait_for(function() return support.memory_of(program.pid, counter, 4) ~= value end))
        assert.is_true(program:is_alive())
    end

    -- Kills a script that has set something in a process, and gives how that has ended: the number of the signal, or
    -- nothing, if it has gone on.
    local function kill_script(set)
        local folder <close> = support.folder()
        support.write_file(folder.path .. "/script.lua", [[
            local pid, marker, counter = math.tointeger(arg[1]), math.tointeger(arg[2]), math.tointeger(arg[3])
            local inferior = assert(tiexec.attach(pid))
            ]] .. set .. [[
            print("ready")
            io.stdout:flush()
            while true do tiexec.status(pid, "State") end
        ]])
        -- The shell tells by which signal its child has ended.
        local program <close> = support.start({ "sh", "-c", '"$0" spin & echo $!; wait $!; echo "end $?"',
            points.program }, "2>/dev/null")
        local pid = math.tointeger(program.pipe:read("l"))
        local function ended() return not core.status(pid, "VmSize") end
        assert(support.wait_for(function() return #points.states(pid) == 5 end))
        local out = folder.path .. "/out"
        local tracer <close> = support.start({ support.tiexec, "--script", folder.path .. "/script.lua", tostring(pid),
            tostring(points.address "marker"), tostring(points.address "counter") }, ">" .. out .. " 2>&1")
        assert(support.wait_for(function() return (support.read_file(out) or ""):find("ready") end))
        tracer:stop("KILL")
        if set:find("breakpoint") or set:find("watch") or set:find("exit_kill") then
            support.wait_for(ended) -- once one of its threads has come there
        else
            local counter = points.address "counter"
            local value = support.memory_of(pid, counter, 4)
            assert(support.wait_for(function() return support.memory_of(pid, counter, 4) ~= value end))
        end
        if not ended() then
            os.execute("kill -KILL " .. pid)
            return nil
        end
        return math.tointeger(program.pipe:read("l"):match("^end (%d+)$")) - 128
    end

    it("by SIGKILL puts nothing back: what it was attached to runs on with what is in it", function()
        assert.is_nil(kill_script(""))
        assert.is_nil(kill_script "inferior:cont()")
        assert.equal(c.SIGTRAP, kill_script 'assert(inferior:breakpoint(marker, "software"))')
        assert.equal(c.SIGTRAP, kill_script 'assert(inferior:breakpoint(marker, "hardware")); inferior:cont()')
        assert.equal(c.SIGTRAP, kill_script 'assert(inferior:watch(counter, 4)); inferior:cont()')
        assert.equal(c.SIGKILL, kill_script 'assert(inferior:exit_kill(true))')
    end)

    it("by SIGKILL is the end of what it has launched, unless it has said otherwise", function()
        if support.patience > 1 then return pending "what was launched ends there, too" end
        for _, kills in ipairs { true, false } do
            local folder <close> = support.folder()
            support.write_file(folder.path .. "/script.lua", [[
                local inferior = assert(tiexec.launch { { arg[1], "spin" }, stdout = false })
                if arg[2] == "false" then assert(inferior:exit_kill(false)) end
                inferior:cont()
                print(inferior:pid())
                io.stdout:flush()
                inferior:wait()
            ]])
            local tracer = support.start({ support.tiexec, "--script", folder.path .. "/script.lua", points.program,
                tostring(kills) }, "2>&1")
            local pid = math.tointeger(tracer.pipe:read("l"))
            assert(support.wait_for(function() return #points.states(pid) == 5 end))
            os.execute("kill -KILL " .. tracer.pid)
            assert(support.wait_for(function() return not tracer:is_alive() end))
            assert(support.wait_for(function() return core.status(pid, "TracerPid") ~= tracer.pid end))
            if kills then
                assert(support.wait_for(function() return not core.status(pid, "VmSize") end))
            else
                assert.equal(0, core.status(pid, "TracerPid"))
                os.execute("kill -KILL " .. pid)
            end
            tracer.pipe:close()
        end
    end)

    it("comes by a signal while it waits for a process that does nothing", function()
        local folder <close> = support.folder()
        support.write_file(folder.path .. "/script.lua", [[
            local inferior <close> = assert(tiexec.attach(math.tointeger(arg[1])))
            inferior:cont()
            print("ready")
            io.stdout:flush()
            inferior:wait()
        ]])
        local program <close> = support.start { "sleep", "600" }
        local out = folder.path .. "/out"
        support.write_file(out, "")
        local tracer <close> = support.start({ support.tiexec, "--script", folder.path .. "/script.lua",
            tostring(program.pid) }, ">" .. out .. " 2>&1")
        assert(support.wait_for(function() return support.read_file(out):find("ready") end))
        assert(support.wait_for(function()
            return (support.read_file(("/proc/%d/wchan"):format(tracer.pid)) or ""):find("wait")
        end))
        os.execute("kill -INT " .. tracer.pid)
        assert(support.wait_for(function() return not tracer:is_alive() end))
        assert.is_true(program:is_alive())
        assert.equal(0, core.status(program.pid, "TracerPid"))
    end)

    -- 104 moments in all, which are the same in each run.
    for i, how in ipairs { "return", "error", "exit", "exit and close", "SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE" } do
        it("by " .. how .. " at any moment leaves its inferior alive and untouched", function()
            local folder <close> = support.folder()
            support.write_file(folder.path .. "/script.lua", script)
            math.randomseed(i, 0)
            local kinds = { "software", "hardware", "watch" }
            for n = 1, support.patience > 1 and 1 or 13 do
                try(folder, kinds[n % #kinds + 1], how, math.random(0, 100))
            end
        end)
    end
end)
