-- SPDX-License-Identifier: Apache-2.0
-- The command line and the environment variable TIEXEC: what is wrong is said in one line.

local core = require "tiexec.core"
local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

local ample = support.programs .. "ample"

-- Nothing is started: 125, and one line that says what and points to --help.
local function refused(name, words, what)
    it(name .. ": 125, one line", function()
        local result = support.run_tiexec(words)
        failure.not_started(result)
        local line = failure.one_line(result)
        assert.truthy(line:find(what, 1, true), line)
        assert.truthy(line:find("tiexec --help", 1, true), line)
    end)
end

describe("a wrong command line:", function()
    refused("an unknown option", { "--explode", ample }, "unknown option '--explode'")
    refused("an unknown letter", { "-x", ample }, "unknown option '-x'")
    refused("an unknown letter among others", { "-vx", ample }, "unknown option '-x'")
    refused("an argument missing", { "--sources" }, "'--sources' needs an argument")
    refused("a letter's argument missing", { "-s" }, "'-s' needs an argument")
    refused("an argument too many", { "--strict=yes", ample }, "'--strict=yes' takes no argument")
    refused("an empty argument", { "--strategy=", ample }, "strategy: it needs a value")
    refused("an unknown source", { "--sources", "thp,moon", ample }, "unknown source 'moon'")
    refused("an unknown time to read again", { "--recache", "always", ample }, "'always' is neither never nor")
    refused("no source", { "--sources", "", ample }, "the list of sources is empty")
    refused("an unknown debug word", { "--debug", "maps,mops", ample }, "unknown word 'mops'")
    refused("no such topic", { "--help=moon" }, "there is no topic 'moon'")
    refused("no command", {}, "a command is missing")
    refused("options, and no command", { "-v", "--strict" }, "a command is missing")
    refused("nothing after --", { "--" }, "a command is missing")

    it("what follows CMD is CMD's", function()
        local result = support.run_tiexec { ample, "--strict", "--help", "-x" }
        assert.equal("argument --strict\nargument --help\nargument -x\n", result.out:match("^(.-)result"))
        assert.equal(3, result.code)
    end)

    it("what follows -- is CMD, whatever its name", function()
        local result = support.run_tiexec { "--", "--strict" }
        assert.equal(127, result.code)
        assert.truthy(failure.one_line(result):find("--strict", 1, true))
    end)

    it("--help and --version write to standard output and exit with 0", function()
        for _, option in ipairs { "--help", "-h", "--help=sources", "--help=all", "--version", "-V" } do
            local result = support.run_tiexec { option }
            assert.equal(0, result.code)
            assert.equal("", result.err)
            assert.truthy(result.out:find("tiexec"))
        end
    end)
end)

describe("TIEXEC:", function()
    -- Runs CMD, asserts that it does as it does by itself, and gives the complaints.
    local function complaints(value, options)
        local case = { prefix = { "env", "TIEXEC=" .. value }, command = { ample, "x" }, options = options }
        local plain, result = failure.both(case)
        failure.same_end(plain, result)
        return result.err
    end

    for value, what in pairs {
        ["colour=red"] = "unknown setting 'colour'",
        ["sources=moon"] = "unknown source 'moon'",
        ["strict=perhaps"] = "'perhaps' is neither 1 nor 0",
        ["strategy="] = "it needs a value",
        ["debug=maps+mops"] = "unknown word 'mops'",
        ["=1"] = "unknown setting ''",
        ["strategy"] = "it needs a value",
        ["strict=0,explode"] = "unknown setting 'explode'",
    } do
        it(("'%s' is complained of in one line, and CMD runs"):format(value), function()
            local line = failure.one_line { err = complaints(value) }
            assert.truthy(line:find("TIEXEC", 1, true), line)
            assert.truthy(line:find(what, 1, true), line)
        end)
    end

    it("what is good beside a bad item is done", function()
        local err = complaints("explode,verbose,colour=red")
        local _, lines = err:gsub("tiexec: TIEXEC: [^\n]+\n", "")
        assert.equal(2, lines)
        assert.truthy(err:find("pages before", 1, true))
    end)

    it("empty, or of commas: not a word", function()
        assert.equal("", complaints(""))
        assert.equal("", complaints(",,"))
    end)

    it("strict is in force", function()
        local result = support.run { "env", "TIEXEC=strict,strategy=no-such-strategy", support.tiexec, ample }
        failure.not_started(result)
        failure.one_line(result)
    end)
end)

describe("--dry-run", function()
    it("CMD does not run, exit status 0, a reason for each executable mapping", function()
        local result = support.run_tiexec { "--dry-run", ample, "x" }
        assert.equal(0, result.code)
        assert.equal("", result.err)
        local ranges, reasons = 0, 0
        for line in result.out:gmatch("[^\n]+") do
            local op, rest = line:match("^  (%l+) .-%x+%-%x+ (.+)$")
            if op == "keep" then
                ranges = ranges + 1
                assert.truthy(rest:find("%-%s+%-$"), line)
            elseif op == "remap" then
                assert.truthy(rest:find("thp", 1, true))
                ranges = ranges + (result.out:find(line .. "\n      ", 1, true) and 1 or 0)
            end
            if line:find("^      %S+ %S+") then reasons = reasons + 1 end
        end
        assert.is_true(ranges > 1)
        assert.equal(ranges, reasons)
    end)

    it("names the mappings that a program has", function()
        local result = support.run_tiexec { "--dry-run", ample }
        for _, name in ipairs { "ample", "libc.so.6", "ld-linux", "vdso" } do
            assert.truthy(result.out:find(name, 1, true), name)
        end
    end)

    it("has nothing of CMD's in its output, a static program's or a constructor's", function()
        for _, name in ipairs { "ample_static", "state_constructed" } do
            local plain = support.run { "env", "CONSTRUCTOR=write", support.programs .. name, "/dev/null" }
            assert.equal(name == "state_constructed", plain.out:find("constructed\n", 1, true) ~= nil)
            local result = support.run { "env", "CONSTRUCTOR=write", support.tiexec, "-n", support.programs .. name,
                "/dev/null" }
            assert.same({ 0, "" }, { result.code, result.err })
            assert.matches("^tiexec: plan for .-\n  op ", result.out)
            assert.is_nil(result.out:find("%f[%w_]constructed\n") or result.out:find("argument", 1, true))
        end
        local shown = support.run { "env", "CONSTRUCTOR=write", support.tiexec, "--inspect", "--",
            support.programs .. "state_constructed", "/dev/null" }
        assert.same({ 0, "" }, { shown.code, shown.err })
        assert.is_nil(shown.out:find("%f[%w_]constructed\n"))
    end)

    it("of a running process is on standard output, too", function()
        local process <close> = support.start { ample, "wait" }
        assert(support.wait_for(function() return support.has_become(process.pid, "ample") end))
        local result = support.run_tiexec { "-n", "--sources", "thp", "--attach", tostring(process.pid) }
        assert.matches("^tiexec: plan for ample, strategy aggressive\n", result.out)
        assert.same({ 0, "" }, { result.code, result.err })
    end)
end)

describe("--strategy from any folder", function()
    local tiexec, folder = core.realpath(support.tiexec), nil
    setup(function() folder = support.folder() end)
    teardown(function() getmetatable(folder).__close() end)

    -- The name of the strategy that a dry run planned with, or what was said instead.
    local function planned_by(name)
        local words = { tiexec, "--strategy", name, "-n", "true" }
        local result = support.shell(("cd %s && exec %s"):format(folder.path, support.quote(words)))
        return result.out:match("strategy (%S+)\n") or result.err
    end

    it("finds tiexec's own, with or without .lua", function()
        for _, name in ipairs { "aggressive", "conservative", "none" } do
            assert.equal(name, planned_by(name))
            assert.equal(name, planned_by(name .. ".lua"))
        end
    end)

    it("takes a file of the current folder first, if the name ends with .lua", function()
        support.write_file(folder.path .. "/none.lua",
            "return { name = 'mine', plan = function() return {} end }")
        assert.equal("mine", planned_by("none.lua"))
        assert.equal("none", planned_by("none"))
        os.remove(folder.path .. "/none.lua")
    end)

    it("says where it has looked", function()
        local line = planned_by("no-such.lua")
        assert.truthy(line:find("no strategy 'no-such.lua' in the current folder, ", 1, true), line)
    end)
end)

describe("options and process ids in any order:", function()
    local process
    before_each(function() process = support.start_tiexec { "--sources", "thp", ample, "wait" } end)
    after_each(function() process:stop() end)

    for _, form in ipairs { "--undo PID -v", "--undo -v PID", "-v --undo PID", "--undo=PID -v", "-v --undo=PID" } do
        it(form, function()
            local words = {}
            for word in form:gsub("PID", process.pid):gmatch("%S+") do words[#words + 1] = word end
            local result = support.run_tiexec(words)
            assert.equal(0, result.code, result.err)
            assert.truthy(result.err:find("mapped as its files have them", 1, true) or result.err == "", result.err)
            assert.equal(0, support.huge_text(process.pid))
        end)
    end

    for _, form in ipairs { "--inspect PID --json", "--inspect --json PID", "--json --inspect=PID" } do
        it(form, function()
            local words = {}
            for word in form:gsub("PID", process.pid):gmatch("%S+") do words[#words + 1] = word end
            local result = support.run_tiexec(words)
            assert.equal(0, result.code, result.err)
            assert.truthy(result.out:find('"pid"', 1, true))
        end)
    end

    it("-a PID and -aPID", function()
        for _, words in ipairs { { "-n", "-a", tostring(process.pid) }, { "-n", "-a" .. process.pid } } do
            local result = support.run_tiexec(words)
            assert.equal(0, result.code, result.err)
        end
    end)

    it("an option that is wrong after the process id is told", function()
        local result = support.run_tiexec { "--attach", tostring(process.pid), "--explode" }
        assert.equal(125, result.code)
        assert.truthy(result.err:find("unknown option '--explode'", 1, true), result.err)
    end)
end)
