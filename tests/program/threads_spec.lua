-- SPDX-License-Identifier: Apache-2.0
-- Threads and children that are born while their maker ends or becomes another program (tests/programs/threads.c): the
-- program ends as it does without tiexec, and nothing waits for ever.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local threads = support.programs .. "threads"

-- Runs tiexec with `words`, and ends it after 20 s: then `code` is 124 or 137.
local function run(words, environment)
    return support.run(support.concat({ "timeout", "-k", "3", tostring(20 * support.patience), "env" },
        environment, { support.tiexec }, words))
end

-- Starts the program and waits until it says that it is ready.
local function ready(what)
    local folder <close> = support.folder()
    local out = folder.path .. "/out"
    local process = support.start({ threads, what }, ">" .. out)
    assert(support.wait_for(function() return (support.read_file(out) or ""):find("ready") end))
    return process
end

describe("threads and children that are born", function()
    local kinds = { exit = "while the process ends", exec = "while another thread execs",
        fork = "to threads of a process that ends", parent = "as siblings, while the process ends" }
    for what, words in pairs(kinds) do
        for _, follow in ipairs { "all", "fork", "exec" } do
            it(words .. (", with --follow %s"):format(follow), function()
                for _ = 1, support.rounds(30) do
                    local result = run { "--follow=" .. follow, threads, what }
                    assert.equal(6, result.code, result.err)
                end
            end)
        end
    end

    it("while the process is killed, which leaves no zombie", function()
        for _ = 1, support.rounds(20) do
            local process = support.start({ support.tiexec, "--follow=all", threads, "killed" })
            local status = process:stop("CONT")
            assert.equal(9, status)
            assert.is_nil(support.read_file(("/proc/%d/stat"):format(process.pid)))
        end
    end)
end)

describe("threads that a library's constructor starts", function()
    local program = support.programs .. "state_constructed"
    local starts = { "CONSTRUCTOR=threads" }

    it("do not keep a dry run from ending", function()
        for _ = 1, support.rounds(5) do assert.equal(0, run({ "-n", program, "/dev/null" }, starts).code) end
    end)

    it("do not keep a program that is refused from ending", function()
        local nowhere = { "CONSTRUCTOR=threads", "TIEXEC_CACHE=/proc/self" }
        for _ = 1, support.rounds(5) do
            local result = run({ "--strict", "--sources", "shared", program, "/dev/null" }, nowhere)
            assert.equal(125, result.code, result.err)
        end
    end)
end)

describe("attaching to a process", function()
    local function attach(pid) return run { "--sources", "thp", "--attach", tostring(pid) } end

    it("whose threads exec all the time ends, and the process lives on", function()
        local process <close> = support.start { threads, "again", "100" }
        local done = 0
        for _ = 1, support.rounds(60) do
            local result = attach(process.pid)
            assert.is_true(result.code == 0 or result.code == 125 and result.err ~= "", result.err)
            assert.is_nil(result.err:find("ended") or result.err:find("no such process"), result.err) -- it lives
            if result.code == 0 then done = done + 1 end
        end
        assert.is_true(done > 0)
        assert.is_true(process:is_alive() or core.living(process.pid) ~= process.pid)
    end)

    for _, what in ipairs { "leave", "uring" } do
        it("whose first thread has ended (" .. what .. ")", function()
            local process <close> = ready(what)
            local result = attach(process.pid)
            assert.equal(0, result.code, result.err)
            assert.equal(0, run { "--undo", tostring(process.pid) }.code)
            assert.not_equal(process.pid, core.living(process.pid))
        end)
    end

    it("by the id of one of its threads is refused, in words", function()
        local process <close> = ready "leave"
        local result = attach(core.living(process.pid))
        assert.equal(125, result.code)
        assert.is_truthy(result.err:find("is a thread of process " .. process.pid, 1, true), result.err)
    end)
end)

describe("a tracer that is killed", function()
    it("before the exec does not take the program along", function()
        local folder <close> = support.folder()
        local script = folder.path .. "/split.lua"
        support.write_file(script, [[
            local core = require "tiexec.core"
            local side, inferior = core.split(5000)
            if side == "tracer" then core.syscall("kill", core.getpid(), 9) end
            assert(side == "target")
            while core.status(core.getpid(), "TracerPid") ~= 0 do core.pause(1) end
            core.exec("/bin/echo", { "echo", "alive" })
        ]])
        local result = run { "--script", script }
        assert.same({ "alive\n", 0 }, { result.out, result.code })
    end)
end)
