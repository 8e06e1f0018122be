-- SPDX-License-Identifier: Apache-2.0
-- The target is the process that was started, and all that it can know of itself is as without tiexec.

local cpu = require "tests.lib.cpu"
local support = require "tests.lib.support"
local topology = require "tests.lib.topology"

local same = topology.assert_same_and_huge

describe("what a program knows of itself is the same:", function()
    local mode
    setup(function() mode = support.thp("madvise") end)
    teardown(function() if mode then getmetatable(mode).__close() end end)

    for program, name in pairs {
        state = "a PIE", state_no_pie = "a dynamic program that is no PIE", state_static = "a static program",
        state_static_pie = "a static PIE", state_constructed = "a program with a library constructor",
    } do
        it(name, function() same { program = program } end)
    end

    for name, settings in pairs {
        ["standard input closed"] = { "close=0" },
        ["standard output closed"] = { "close=1" },
        ["standard error closed"] = { "close=2" },
        ["no file open at all"] = { "close=0", "close=1", "close=2" },
        ["more files open"] = { "open=3", "open=4", "open=7", "open=77", "open=500" },
        ["files open and standard ones closed"] = { "open=3", "open=5", "close=0", "close=2" },
        ["a file that does not block"] = { "nonblock=0" },
        ["few files allowed"] = { "files=16" },
        ["nice"] = { "nice=7" },
        ["a umask"] = { "umask=077" },
        ["another folder"] = { "root" },
        ["a new session"] = { "session" },
        ["a new process group"] = { "group" },
        ["no new privileges"] = { "no-new-privs" },
        ["a parent-death signal"] = { "death-signal=15" },
        ["a timer slack"] = { "slack=123456" },
        ["a child subreaper"] = { "subreaper" },
        ["one CPU"] = { "pin=0" },
        ["the batch scheduler"] = { "batch", "nice=3" },
        ["the idle scheduler"] = { "idle" },
        ["an I/O priority"] = { "ioprio=0x4005" },
        ["no address randomization"] = { "personality=0x0040000" },
        ["reads imply execution"] = { "personality=0x0400000" },
        ["a small stack"] = { "stack=1048576" },
        ["an unlimited stack"] = { "stack=-1" },
        ["a core limit"] = { "core=4096" },
        ["an alarm set"] = { "alarm=1000" },
    } do
        it(name, function() same { as = settings } end)
    end

    it("no file open at all, and much said by tiexec", function()
        same { as = { "close=0", "close=1", "close=2" }, options = { "-v", "--debug=maps,plan,syscalls,timing" } }
    end)

    it("a name to be found in PATH, odd arguments", function()
        same { environment = "PATH=" .. topology.programs .. ":/bin", program = "state", in_path = true,
            arguments = { "", "a b", "*", "-v", "--", "\n" } }
    end)

    it("an empty environment", function()
        same { environment = "-i" }
    end)

    for program, name in pairs { registers = "a static program", registers_dynamic = "a dynamic program" } do
        it("the registers at the first instruction of " .. name, function()
            local seen = {}
            for i, words in ipairs { {}, { topology.tiexec } } do
                words[#words + 1] = topology.programs .. program
                local fixed = { topology.programs .. "as", "personality=0x0040000", "--" } -- addresses are the same
                local result = support.run(table.move(words, 1, #words, #fixed + 1, fixed))
                assert.equal(0, result.code)
                seen[i] = result.out
            end
            assert.matches(cpu.sp .. " +0000", seen[1])
            assert.equal(seen[1], seen[2])
        end)
    end

    it("the interpreter of a script with #!", function()
        same { script = "#!" .. topology.programs .. "state FOLDER/state\n" }
    end)

    it("a script without #!, run by the shell", function()
        topology.assert_same { script = topology.programs .. "state FOLDER/state \"$@\"\n",
            arguments = { "a", "b c" } }
    end)
end)
