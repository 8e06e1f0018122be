-- SPDX-License-Identifier: Apache-2.0
-- Signals, the end of the program, and what its parent hears of it, are as without tiexec.

local core = require "tiexec.core"
local support = require "tests.lib.support"
local topology = require "tests.lib.topology"

local same = topology.assert_same_and_huge

local HUP <const>, INT <const>, TRAP <const>, ABRT <const>, SEGV <const> = 1, 2, 5, 6, 11
local PIPE <const>, TERM <const>, CHLD <const>, CONT <const>, STOP <const>, TSTP <const> = 13, 15, 17, 18, 19, 20
local RTMIN <const> = 34

local mode
setup(function() mode = support.thp("madvise") end)
teardown(function() if mode then getmetatable(mode).__close() end end)

describe("the caller's signals are the program's:", function()
    for _, case in ipairs(support.some({
        { "SIGTRAP", TRAP }, { "SIGHUP", HUP }, { "SIGINT", INT }, { "SIGSEGV", SEGV }, { "SIGCHLD", CHLD },
        { "SIGPIPE", PIPE }, { "SIGTERM", TERM }, { "SIGCONT", CONT }, { "SIGRTMIN", RTMIN }, { "SIGTSTP", TSTP },
    }, 4)) do
        local name, signal = case[1], case[2]
        it(name .. " blocked", function() same { as = { "block=" .. signal } } end)
        it(name .. " ignored", function() same { as = { "ignore=" .. signal } } end)
        it(name .. " blocked and ignored", function()
            same { as = { "block=" .. signal, "ignore=" .. signal } }
        end)
        it(name .. " pending", function() same { as = { "pending=" .. signal } } end)
        it(name .. " pending for the thread", function() same { as = { "pending-here=" .. signal } } end)
    end

    it("all at once", function()
        same { as = { "block=2", "ignore=5", "ignore=11", "block=11", "ignore=17", "pending=13", "pending=34" } }
    end)

    for _, program in ipairs { "state_static", "state_static_pie", "state_no_pie" } do
        it("of " .. program, function()
            same { program = program, as = { "block=5", "ignore=5", "block=11", "ignore=11", "pending=17" } }
        end)
    end
end)

describe("the parent hears the same of the program's end:", function()
    for _, code in ipairs(support.some({ 0, 1, 2, 42, 125, 126, 127, 128, 137, 254, 255 }, 4)) do
        it("exit status " .. code, function() same { arguments = { "exit=" .. code } } end)
    end

    for signal = 1, 64, support.patience > 1 and 7 or 1 do -- 1, 8, 15, 22, 29… on emulated CPUs
        local stops = signal >= STOP and signal <= 22
        if not stops and signal ~= 32 and signal ~= 33 then
            it("signal " .. signal, function() same { arguments = { "signal=" .. signal, "exit=7" } } end)
        end
    end

    it("a core dump", function()
        local pattern <close> = support.core_pattern("core")
        if not pattern then return pending("only root may set core_pattern") end
        local _, under = topology.assert_same { as = { "core=-1" }, arguments = { "signal=" .. ABRT } }
        assert.equal("signal 6 core\nchld 1 strange 0 children none\n", under.fate)
    end)

    it("a caller that ignores SIGCHLD gets no status and no zombie", function()
        local fates = {}
        for i, words in ipairs { { "" }, { support.tiexec } } do
            local command = ("%s/as ignore=17 -- sh -c '%s %s/state /dev/null & wait $!; ps -o stat= --ppid $$'")
                :format(topology.programs, words[1], topology.programs)
            fates[i] = support.shell(command).out
        end
        assert.equal(fates[1], fates[2])
    end)

    it("one SIGCHLD, from the program, and no child is left", function()
        local _, under = topology.assert_same { arguments = { "exit=3" } }
        assert.equal("exit 3\nchld 1 strange 0 children none\n", under.fate)
    end)

    it("a tracer is known by its environment", function()
        local mark = support.mark()
        local process <close> = support.start { "env", "TIEXEC_TEST=" .. mark, support.tiexec, "--follow=all",
            "sleep", "100" }
        local tracer = assert(support.wait_for(function()
            local pid = core.status(process.pid, "TracerPid")
            return pid and pid > 0 and pid
        end))
        local found = support.processes_with("TIEXEC_TEST", mark)
        assert.same({ [process.pid] = true, [tracer] = true }, { [found[1]] = true, [found[2]] = true })
    end)

    it("no tiexec is left", function()
        topology.observe({}, { topology.tiexec })
        assert.is_true(topology.is_clear())
    end)
end)

-- What becomes of a program which gets signals at some moment of its start.
local function fates(what, tries)
    local seen, list = {}, {}
    for _ = 1, tries do
        local watch = { "after=" .. math.random(0, 15000 * support.patience), "mute" }
        local run = { program = what.program, as = what.as, arguments = what.arguments, environment = what.environment,
            watch = table.move(what.watch, 1, #what.watch, 3, watch) }
        local result = topology.observe(run, { topology.tiexec })
        local tracer = result.state:match("TracerPid:%s*(%d+)")
        local fate = result.fate:match("[^\n]*") .. (tracer ~= "0" and tracer and " traced by " .. tracer or "")
        if not seen[fate] then list[#list + 1] = fate end
        seen[fate] = true
    end
    table.sort(list)
    return list
end

describe("a signal at any moment of the start:", function()
    local TRIES <const> = support.rounds(40)

    it("SIGINT kills", function()
        assert.same({ "signal 2" }, fates({ watch = { "send=2" }, arguments = { "ready" } }, TRIES))
    end)

    it("SIGKILL kills", function()
        assert.same({ "signal 9" }, fates({ watch = { "send=9" }, arguments = { "ready" } }, TRIES))
        assert.is_true(topology.is_clear())
    end)

    it("SIGSTOP stops, SIGCONT continues", function()
        assert.same({ "stop 19 exit 42" }, fates({ watch = { "send=19", "stops=10", "block=10" },
            arguments = { "await=10", "exit=42" } }, TRIES))
    end)

    for _, program in ipairs { "state", "state_static" } do
        it("SIGSTOP with SIGCONT right after it does not stop for good: " .. program, function()
            assert.same({ "exit 42" }, fates({ watch = { "send=19,18,10", "block=10" },
                program = program, arguments = { "await=10", "exit=42" } }, TRIES))
        end)
    end

    it("blocked signals wait, none is lost", function()
        assert.same({ "exit 42" }, fates({ watch = { "send=34,34,10,34", "block=10", "block=34" },
            arguments = { "await=34", "await=34", "await=10", "await=34", "exit=42" } }, TRIES))
    end)

    it("ignored signals are ignored", function()
        assert.same({ "exit 42" }, fates({ watch = { "send=2,1,11,5,10",
            "ignore=1", "ignore=2", "ignore=5", "ignore=11", "block=10" },
            arguments = { "await=10", "exit=42" } }, TRIES))
    end)

    it("SIGTERM kills, or finds the handler of a library's constructor", function()
        for _, fate in ipairs(fates({ watch = { "send=15" }, program = "state_constructed",
            environment = "CONSTRUCTOR=handle-term", arguments = { "ready" } }, TRIES)) do
            assert.is_true(fate == "signal 15" or fate == "exit 3", fate)
        end
    end)

    it("handled signals are all handled", function()
        for _, fate in ipairs(fates({ watch = { "send=34,34,34,34,34" }, program = "state_constructed",
            environment = "CONSTRUCTOR=count", arguments = { "ready" } }, TRIES)) do
            assert.is_true(fate == "signal 34" or fate == "exit 42", fate)
        end
    end)
end)
