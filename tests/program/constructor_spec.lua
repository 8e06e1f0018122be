-- SPDX-License-Identifier: Apache-2.0
-- Programs that have done much before their entry point, in constructors of libraries.

local core = require "tiexec.core"
local support = require "tests.lib.support"
local topology = require "tests.lib.topology"

local function constructed(what, more)
    local run = { program = "state_constructed", environment = "CONSTRUCTOR=" .. what }
    for key, value in pairs(more or {}) do run[key] = value end
    return run
end

-- Asserts that the program is the same with tiexec, and that CONSTRUCTED says so.
local function assert_constructed(expected, what, more)
    local plain, under = topology.assert_same(constructed(what, more))
    assert.equal(expected, plain.state:match("\nenvironment CONSTRUCTED=([^\n]*)"))
    return plain, under
end

describe("a library's constructor", function()
    local mode
    setup(function() mode = support.thp("madvise") end)
    teardown(function() if mode then getmetatable(mode).__close() end end)

    it("starts threads", function()
        topology.assert_same_and_huge(constructed("threads"))
    end)

    it("starts threads that start threads all the time", function()
        local what = constructed("churn", { arguments = { "exit=42" } })
        for _ = 1, support.rounds(20) do
            local under = topology.observe(what, { topology.tiexec })
            assert.equal("exit 42", under.fate:match("[^\n]*"))
            assert.equal("0", under.state:match("TracerPid:%s*(%d+)"))
            assert.is_true(under.huge >= 2048, under.err)
        end
    end)

    it("forks a child and waits for it", function() assert_constructed("child 7", "fork") end)

    it("runs a command", function() assert_constructed("system 2304", "system") end)

    it("forks a child that goes on to main, as its parent does", function()
        assert_constructed("child's end 0", "fork-on")
    end)

    it("goes into the background", function()
        for _, words in ipairs { {}, { topology.tiexec } } do
            local folder <close> = support.folder()
            local command = topology.words(constructed("daemon"), folder.path .. "/state", words)
            local result = support.shell("env CONSTRUCTOR=daemon " .. support.quote(command))
            assert.equal("exit 0", result.out:match("[^\n]*"))
            local state = support.wait_for(function()
                return (support.read_file(folder.path .. "/state") or ""):match("\nenvironment CONSTRUCTED=[^\n]*")
            end)
            assert.equal("\nenvironment CONSTRUCTED=child 0", state)
        end
    end)

    it("blocks a signal", function() topology.assert_same_and_huge(constructed("block-usr1")) end)

    it("sees the entry point's address in the auxiliary vector", function()
        assert_constructed("entry right 1", "entry")
    end)

    it("handles a fault", function() assert_constructed("fault repaired 1", "fault") end)

    for _, what in ipairs(support.some({ "block-segv", "unblock-segv", "ignore-segv", "default-segv", "handle-segv",
        "handle-and-block-segv" }, 2)) do
        it(what, function() topology.assert_same_and_huge(constructed(what)) end)
        it(what .. ", which the caller has blocked", function()
            topology.assert_same_and_huge(constructed(what, { as = { "block=11" } }))
        end)
        it(what .. ", which the caller ignores", function()
            topology.assert_same_and_huge(constructed(what, { as = { "ignore=11" } }))
        end)
    end

    it("raises a signal that it handles", function()
        local plain, under = topology.observe(constructed("raise-term"), {}),
            topology.observe(constructed("raise-term"), { topology.tiexec })
        assert.equal("exit 3", plain.fate:match("[^\n]*"))
        assert.equal(plain.fate, under.fate)
    end)

    it("ends the program", function()
        local plain, under = topology.observe(constructed("exit"), {}),
            topology.observe(constructed("exit"), { topology.tiexec })
        assert.equal("exit 5", plain.fate:match("[^\n]*"))
        assert.equal(plain.fate, under.fate)
    end)

    it("executes another program", function()
        for _, program in ipairs { "state", "state_static" } do
            local _, under = topology.assert_same(constructed("exec", { environment =
                ("CONSTRUCTOR=exec CONSTRUCTOR_FILE=FOLDER/state CONSTRUCTOR_EXEC=%s%s")
                :format(topology.programs, program) }))
            assert.equal("exit 6", under.fate:match("[^\n]*"))
        end
    end)

    it("has a timer that ticks all the time", function()
        local what = constructed("tick", { arguments = { "exit=42" } })
        for _ = 1, support.rounds(20) do
            local under = topology.observe(what, { topology.tiexec })
            assert.equal("exit 42", under.fate:match("[^\n]*"))
            assert.is_true(under.huge >= 2048, under.err)
        end
    end)

    describe("waits, and so does the tracer, which", function()
        -- The program, having closed its standard output, and its tracer.
        local function waiting(folder)
            assert(os.execute("mkfifo " .. folder.path .. "/pipe"))
            local process = support.start({ "env", "CONSTRUCTOR=close-and-wait", topology.tiexec,
                topology.programs .. "state_constructed", "/dev/null" }, (">%s/pipe 2>/dev/null"):format(folder.path))
            return process, support.shell(("timeout 60 cat %s/pipe"):format(folder.path)).code
        end

        it("holds no end of a pipe that was given to the program", function()
            local folder <close> = support.folder()
            local process <close>, code = waiting(folder)
            assert.equal(0, code) -- the end of the file, while both are there
            assert.not_equal(0, core.status(process.pid, "TracerPid"))
        end)

        it("is in a session of its own", function()
            local folder <close> = support.folder()
            local process <close> = waiting(folder)
            local tracer = core.status(process.pid, "TracerPid")
            local group, session = support.read_file(("/proc/%d/stat"):format(tracer)):match("%) %a %d+ (%d+) (%d+)")
            assert.same({ tostring(tracer), tostring(tracer) }, { group, session })
        end)

        it("ends with the program", function()
            local folder <close> = support.folder()
            local process = waiting(folder)
            local tracer = core.status(process.pid, "TracerPid")
            process:stop("KILL")
            assert.is_true(support.wait_for(function() return not support.read_file("/proc/" .. tracer .. "/comm") end))
        end)

        it("takes the program with it when it is killed", function()
            local folder <close> = support.folder()
            local process = waiting(folder)
            os.execute("kill -KILL " .. core.status(process.pid, "TracerPid"))
            assert.equal(9, process:stop("CONT"))
        end)
    end)
end)
