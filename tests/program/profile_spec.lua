-- SPDX-License-Identifier: Apache-2.0
-- Profiles. What becomes of the text shows which one was taken. A wrong one does no harm.

local core = require "tiexec.core"
local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

local test = failure.tests(it, 4)
local ample = support.shell("realpath " .. support.programs .. "ample").out:gsub("\n", "")

local config, pool, mode
local function profiles() return config.path .. "/tiexec/profiles.d" end

config = support.folder()
os.execute("mkdir -p " .. profiles())
setup(function() pool, mode = support.pool(8), support.thp("madvise") end)
teardown(function()
    for _, thing in ipairs { config, pool or config, mode or config } do getmetatable(thing).__close(thing) end
end)

-- What holds the text of a program started with this profile: a field of smaps, or nil.
local function held_by(text, options, environment)
    os.execute(("rm -f %s/*"):format(profiles()))
    if text then support.write_file(profiles() .. "/one.lua", text) end
    local words = { "env", "XDG_CONFIG_HOME=" .. config.path, "TIEXEC=" .. (environment or ""), support.tiexec }
    for _, option in ipairs(options or {}) do words[#words + 1] = option end
    table.move({ ample, "wait" }, 1, 2, #words + 1, words)
    local output = config.path .. "/output"
    support.write_file(output, "")
    local process <close> = support.start(words, (">%s 2>&1"):format(output))
    support.wait_for(function() return support.read_file(output):find("child 5\n", 1, true) end)
    assert.is_nil(support.read_file(output):match("tiexec: [^\n]*"))
    return select(2, support.huge_text(process.pid))
end

local function profile(match, settings)
    return ("return { match = { %s }, %s }"):format(match, settings)
end

local thp <const>, file <const> = "sources = { 'thp' }", "sources = { 'file' }"
local hugetlb <const> = "sources = { 'hugetlb' }"

local function by_thp(...) assert.equal("AnonHugePages", (held_by(...))) end
local function not_by_thp(...) assert.not_equal("AnonHugePages", (held_by(...))) end

describe("a profile", function()
    it("without any, the text is not by thp alone", function() not_by_thp(nil) end)

    local build_id = core.image(ample).build_id
    for name, match in pairs {
        path = ("path = %q"):format(ample),
        basename = "basename = 'ample'",
        glob = "glob = '*/amp??'",
        build_id = ("build_id = %q"):format(build_id),
        ["all of them"] = ("path = %q, basename = 'ample', glob = '*', build_id = %q"):format(ample, build_id),
        ["nothing"] = "",
    } do
        it("matches by " .. name, function() by_thp(profile(match, thp)) end)
    end

    for name, match in pairs {
        path = "path = '/usr/bin/ample'",
        basename = "basename = 'amp'",
        glob = "glob = 'ample'",
        build_id = "build_id = '0123'",
        ["one of several"] = "basename = 'ample', build_id = '0123'",
    } do
        it("does not match by another " .. name, function() not_by_thp(profile(match, thp)) end)
    end

    it("in a list: the first that matches", function()
        by_thp(("return { { match = { basename = 'x' }, %s }, { match = {}, %s }, { match = {}, %s } }")
            :format(hugetlb, thp, file))
    end)

    it("in several files: the first by name", function()
        local first = config.path .. "/first.lua"
        support.write_file(first, profile("", "strategy = 'none'"))
        held_by(profile("", "strategy = 'conservative'"))
        os.execute(("cp %s %s/a.lua"):format(first, profiles()))
        local result = support.run { "env", "XDG_CONFIG_HOME=" .. config.path, support.tiexec, "-v", ample }
        assert.truthy(result.err:find("strategy none", 1, true))
    end)

    it("chooses the strategy", function()
        held_by(profile("", "strategy = 'conservative'"))
        local result = support.run { "env", "XDG_CONFIG_HOME=" .. config.path, support.tiexec, "-v", ample }
        assert.truthy(result.err:find("strategy conservative", 1, true))
    end)

    it("chooses the source", function()
        if not pool then return pending("no hugetlb pool: not root, or no memory") end
        assert.equal("Private_Hugetlb", held_by(profile("", hugetlb)))
    end)

    it("by --profile, in place of those in profiles.d", function()
        local path = config.path .. "/given.lua"
        support.write_file(path, profile("", thp))
        by_thp(profile("", file), { "--profile", path })
    end)
end)

describe("the order is", function()
    it("command line before TIEXEC", function() by_thp(nil, { "--sources", "thp" }, "sources=file") end)
    it("command line before profile", function() by_thp(profile("", file), { "--sources", "thp" }) end)
    it("TIEXEC before profile", function() by_thp(profile("", file), {}, "sources=thp") end)
    it("profile before default", function() by_thp(profile("", thp)) end)
    it("for each setting by itself", function()
        by_thp(profile("", "strategy = 'none', " .. thp), {}, "strategy=conservative")
    end)
end)

describe("a wrong profile:", function()
    local count = 0
    local function wrong(name, text, line)
        count = count + 1
        local folder = ("%s/wrong%d"):format(config.path, count)
        local path = folder .. "/tiexec/profiles.d/wrong.lua"
        os.execute(("mkdir -p %s/tiexec/profiles.d"):format(folder))
        support.write_file(path, '--[[ "ample" ]] ' .. text)
        test(name .. ", in profiles.d", {
            prefix = { "env", "XDG_CONFIG_HOME=" .. folder }, command = { ample, "x" },
            line = line,
        })
        test(name .. ", by --profile", {
            command = { ample, "x" }, options = { "--profile", path }, line = line,
        })
    end

    wrong("no Lua", "return {{", "wrong%.lua:1:")
    wrong("raises", "error('on purpose')", "on purpose")
    wrong("loops", "while true do pcall(function() while true do end end) end", "too long")
    wrong("eats memory", "local s = 'x' while true do s = s .. s end", "memory")
    wrong("calls os.exit", "os.exit(0)", "'os'")
    wrong("returns nothing", "", "returned a nil")
    wrong("returns a string", "return 'thp'", "returned a string")
    wrong("a list of strings", "return { 'thp' }", "must be a table")
    wrong("an unknown key", "return { colour = 'red' }", "unknown key 'colour'")
    wrong("a key that profiles may not set", "return { report = '/tmp/x' }", "unknown key 'report'")
    wrong("a key that is a table", "return { [{}] = 1 }", "unknown key")
    wrong("an unknown source", "return { sources = { 'moon' } }", "unknown source 'moon'")
    wrong("sources that are a number", "return { sources = 7 }", "unknown source '7'")
    wrong("a strategy that is a table", "return { strategy = {} }", "strategy: it needs a value")
    wrong("an unknown key in match", "return { match = { colour = 'red' } }", "'colour' in match")
    wrong("a match that is a string", "return { match = 'ample' }", "match")
    wrong("a pattern that is a number", "return { match = { glob = 7 } }", "match.glob is not a string")
    wrong("an unknown strategy", "return { strategy = 'no-such' }", "no strategy 'no%-such'")

    test("a file that is missing, by --profile", {
        command = { ample, "x" }, options = { "--profile", "/nowhere/p.lua" }, line = "/nowhere/p%.lua",
    })
end)

describe("a wrong profile of another program", function()
    -- Runs `ample` where there is a wrong profile; false: a file that is not there.
    local function run(text, ...)
        local folder <close> = support.folder()
        local profiles_of = folder.path .. "/tiexec/profiles.d"
        os.execute(("mkdir -p %s"):format(profiles_of))
        if text then
            support.write_file(profiles_of .. "/wrong.lua", text)
        else
            support.shell(("ln -s /nowhere %s/wrong.lua"):format(profiles_of))
        end
        return support.run(support.concat({ "env", "TIEXEC=sources=thp", "XDG_CONFIG_HOME=" .. folder.path,
            support.tiexec }, { ... }, { ample, "x" }))
    end

    for what, text in pairs {
        ["a wrong key"] = 'return { match = { basename = "other" }, colour = 1 }',
        ["a wrong key in match"] = 'return { match = { basename = "other", colour = 1 } }',
        ["a wrong type"] = 'return { match = { path = "/bin/other" }, sources = 1 }',
        ["a syntax error"] = 'return { match = { basename = "other" },, }',
        ["an endless loop"] = 'local match = { basename = "other" } while true do end',
    } do
        it("does not concern this one: " .. what, function()
            for _, options in ipairs { {}, { "--strict" } } do
                local result = run(text, table.unpack(options))
                assert.same({ 3, "" }, { result.code, result.err })
            end
            -- what can be read says for itself that it is not for this one
            local is_loaded = what:find("^a wrong") ~= nil
            assert.equal(not is_loaded, run(text, "--verbose").err:find("/wrong.lua", 1, true) ~= nil)
        end)
    end

    for what, text in pairs { ["a file that cannot be read"] = false, ["what names no program"] = "return {{" } do
        it("is told of, and keeps none from being started: " .. what, function()
            for _, options in ipairs { {}, { "--strict" } } do
                local result = run(text, table.unpack(options))
                assert.equal(3, result.code)
                assert.truthy(failure.one_line(result):find("/wrong.lua", 1, true))
            end
        end)
    end
end)
