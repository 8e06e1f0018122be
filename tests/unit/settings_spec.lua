-- SPDX-License-Identifier: Apache-2.0
-- Options, the environment variable, profiles' values, and their order of precedence.

local core = require "tiexec.core"
local settings = require "tiexec.plan.settings"

local options = {
    { name = "strategy", short = "s", argument = "NAME" },
    { name = "sources", argument = "LIST" },
    { name = "verbose", short = "v" },
    { name = "help", short = "h" },
}

local function parse(...)
    return settings.from_arguments({ "tiexec", ... }, options)
end

describe("the command line", function()
    it("ends at the command, whose options are its own", function()
        local given, operands = parse("-s", "none", "-v", "cmd", "-v", "--strategy=x")
        assert.same({ strategy = "none", verbose = true }, given)
        assert.same({ "cmd", "-v", "--strategy=x" }, operands)
        assert.same({ "-odd" }, select(2, parse("--", "-odd")))
        assert.same({}, select(2, parse("-v")))
    end)

    it("ends at an option that is the last one, too", function()
        local script = { { name = "script", argument = "FILE", last = true }, table.unpack(options) }
        local given, operands = settings.from_arguments({ "tiexec", "--script", "f.lua", "-v", "x" }, script)
        assert.same({ script = "f.lua" }, given)
        assert.same({ "-v", "x" }, operands)
    end)

    it("takes values in every form of getopt_long", function()
        for _, words in ipairs { { "-snone" }, { "-s", "none" }, { "--strategy", "none" }, { "--strategy=none" },
            { "--strat=none" }, { "-vsnone" } } do
            assert.equal("none", parse(table.unpack(words)).strategy)
        end
        assert.same({ "hugetlb", "thp" }, parse("--sources=hugetlb,thp").sources)
    end)

    it("tells what is wrong", function()
        assert.equal("unknown option '--nope'", select(2, parse("--nope", "cmd")))
        assert.equal("unknown option '-x'", select(2, parse("-vx", "cmd")))
        assert.equal("option '-s' needs an argument", select(2, parse("-s")))
        assert.equal("option '--verbose=3' takes no argument", select(2, parse("--verbose=3")))
        assert.matches("^sources: unknown source 'gold'", select(2, parse("--sources=gold")))
    end)

    it("may be parsed again and again in one process", function()
        for _ = 1, 3 do assert.same({ "c" }, select(2, parse("-v", "c"))) end
    end)
end)

describe("the environment variable TIEXEC", function()
    it("is a comma list of settings; lists in it have a +", function()
        assert.same({ strategy = "conservative", sources = { "thp", "hugetlb" }, verbose = true,
            debug = { plan = true, maps = true }, strict = false },
            (settings.from_environment "strategy=conservative,sources=thp+hugetlb,verbose,debug=plan+maps,strict=0"))
        assert.same({}, (settings.from_environment(nil)))
    end)

    it("follow is a set of what there is to follow", function()
        assert.same({ follow = { dlopen = true } }, (settings.from_environment "follow=dlopen"))
        assert.same({ follow = { dlopen = true, exec = true } }, (settings.from_environment "follow=exec+dlopen"))
        assert.same({ "TIEXEC: follow: unknown word 'moon' (there are: auto, none, exec, fork, all, trace, dlopen)" },
            select(2, settings.from_environment "follow=dlopen+moon"))
        assert.same({ follow = { dlopen = true, fork = true } }, (settings.from_environment "follow=fork+dlopen"))
        assert.same({ follow = { all = true } }, (settings.from_environment "follow=trace"))
        assert.same({ follow = { none = true } }, (settings.from_environment "follow=none"))
        assert.same({ follow = { auto = 10 } }, (settings.from_environment "follow=auto"))
        assert.same({ follow = { auto = 0, dlopen = true } }, (settings.from_environment "follow=auto:0+dlopen"))
        for words, why in pairs { ["all+dlopen"] = "dlopen goes with auto, exec and fork",
            ["auto+trace"] = "auto goes with exec, fork and dlopen", ["none+exec"] = "none goes with nothing else",
            ["auto:"] = "unknown word 'auto:' (there are: auto, none, exec, fork, all, trace, dlopen)" } do
            assert.same({ "TIEXEC: follow: " .. why }, select(2, settings.from_environment("follow=" .. words)))
        end
    end)

    it("is complained of item by item, and the rest counts", function()
        local result, complaints = settings.from_environment "colour=red,strict=maybe,strategy=,verbose=1"
        assert.same({ verbose = true }, result)
        assert.equal(3, #complaints)
        assert.equal("TIEXEC: unknown setting 'colour'", complaints[1])
    end)
end)

describe("layers of settings", function()
    it("lie over one another, the first on top; false counts as set", function()
        assert.same({ a = 1, b = false, c = 3 },
            settings.merge({ a = 1 }, { a = 2, b = false }, { b = true, c = 3 }))
    end)
end)

describe("calls in a copy of this process", function()
    local sandbox = require "tiexec.plan.sandbox"

    it("pass data and errors", function()
        assert.same({ 1, a = { b = true, [2.5] = "x\0\n" } }, sandbox.call(function()
            return { 1, a = { b = true, [2.5] = "x\0\n" } }
        end))
        assert.is_nil((sandbox.call(function() end)))
        assert.matches("no$", select(2, sandbox.call(function() error("no") end)))
        assert.equal("a function is not data", select(2, sandbox.call(function() return { print } end)))
        assert.equal("a table is nested too deep", select(2, sandbox.call(function()
            local t = {}
            t[1] = t
            return t
        end)))
    end)

    it("change nothing here, not even by ending the process", function()
        local here = 1
        assert.is_nil((sandbox.call(function() here = 2 end)))
        assert.equal(1, here)
        assert.is_string(select(2, sandbox.call(function() os.exit(3, true) end)))
    end)

    it("end in time, whatever loops", function()
        local function trial(f) return select(2, core.trial(f, 200)) end
        assert.equal("it ran too long", trial(function() while true do end end))
        assert.equal("it ran too long", trial(function() while true do pcall(function() while true do end end) end end))
        assert.equal("it ran too long", trial(function() return (("a"):rep(40)):find(("a*"):rep(30) .. "b") end))
    end)

    it("end when they eat memory, whatever catches errors", function()
        local few_mebibytes, ample_ms = 4, 20000 -- touched before the processor time runs out, on any host
        assert.equal("it used too much memory", select(2, core.trial(function()
            local t = {}
            while true do pcall(function() t[#t + 1] = ("x"):rep(1 << 20) .. #t end) end
        end, ample_ms, few_mebibytes)))
    end)
end)

describe("service", function()
    it("is a switch, or says that what filters confine is meant, too", function()
        assert.is_true(settings.parse("service", true))
        assert.is_false(settings.parse("service", false))
        assert.equal("sandboxed", (settings.parse("service", "sandboxed")))
        assert.same({ nil, "service: 'x' is neither 1 nor 0, nor sandboxed" }, { settings.parse("service", "x") })
        assert.is_true(settings.in_profile "service")
    end)
end)
