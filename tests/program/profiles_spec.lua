-- SPDX-License-Identifier: Apache-2.0
-- --profiles finds what is wrong with profiles, and says which one a program gets.

local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

local ample = support.programs .. "ample"

-- Runs `--profiles` where the files are the user's profiles; names map to contents.
local function run(files, ...)
    local folder <close> = support.folder()
    local profiles = folder.path .. "/tiexec/profiles.d"
    support.shell("mkdir -p " .. profiles)
    for name, content in pairs(files) do
        local path = ("%s/%s.lua"):format(profiles, name)
        if content then support.write_file(path, content) else support.shell("ln -s /nowhere " .. path) end
    end
    local result = support.run { "env", "TIEXEC=", "XDG_CONFIG_HOME=" .. folder.path, support.tiexec, "--profiles",
        ... }
    return result, profiles
end

local function profile(fields) return "return { " .. fields .. " }" end

describe("--profiles", function()
    it("finds nothing wrong where nothing is", function()
        local result = run { a = profile 'match = { basename = "x" }, strategy = "conservative"' }
        assert.same({ 0, "" }, { result.code, result.err })
        assert.truthy(result.out:find("a.lua: for basename x: strategy conservative\n", 1, true))
        assert.is_nil(result.out:find("!", 1, true))
    end)

    for what, case in pairs {
        ["a wrong key"] = { profile "straegy = 1", "unknown key 'straegy'" },
        ["a wrong key of match"] = { profile 'match = { name = "x" }', "unknown key 'name' in match" },
        ["a wrong type"] = { profile "sources = 1", "sources: " },
        ["a wrong type in match"] = { profile "match = { path = 1 }", "match.path is not a string" },
        ["a match that is no table"] = { profile 'match = "x"', "match is not a table" },
        ["a strategy that is not there"] = { profile 'strategy = "no-such"', "no strategy 'no-such'" },
        ["a file that cannot be read"] = { false, "No such file" },
        ["a syntax error"] = { "return {", "unexpected symbol" },
        ["an endless loop"] = { "while true do end", "it ran too long" },
        ["a path that is none"] = { profile 'match = { path = "bin/x" }', "a path begins with '/'" },
        ["a basename that is none"] = { profile 'match = { basename = "a/b" }', "a basename has no '/'" },
        ["a build-id that is none"] = { profile 'match = { build_id = "XYZ" }', "a build-id has digits" },
        ["keys that contradict each other"] = { profile 'match = { path = "/bin/a", basename = "b" }',
            "its keys contradict each other" },
        ["the same programs again"] = { [[return { { match = { basename = "x" } }, { match = { basename = "x" } } }]],
            "behind one for the same programs: " },
        ["one behind one for all"] = { [[return { { strict = true }, { match = { basename = "x" } } }]],
            "behind one for every program: " },
    } do
        it("tells of " .. what, function()
            local result = run { a = case[1], b = profile 'match = { basename = "fine" }' }
            assert.equal(1, result.code, result.err)
            local _, wrong = result.out:gsub("! ", "")
            assert.truthy(result.out:find(case[2], 1, true), result.out)
            assert.truthy(wrong == 1 or what:find("behind one for all") and wrong == 2, result.out)
        end)
    end

    it("says which one a program gets, and where each setting comes from", function()
        local files = { a = profile 'match = { basename = "other" }, strict = true',
            b = profile 'match = { basename = "ample" }, strategy = "conservative", sources = "thp"' }
        local result, folder = run(files, "--sources", "file", ample)
        assert.equal(0, result.code, result.out)
        assert.truthy(result.out:find(("ample gets %s/b.lua\n"):format(folder), 1, true), result.out)
        assert.truthy(result.out:find("  sources file: by the command line or TIEXEC\n", 1, true), result.out)
        assert.truthy(result.out:find(("  strategy conservative: by %s/b.lua\n"):format(folder), 1, true), result.out)
        result = run({}, ample)
        assert.truthy(result.out:find("gets no profile\n  strategy aggressive: by the default\n", 1, true), result.out)
    end)

    it("says that there is no such program", function()
        local result = run({}, "no-such-program")
        assert.equal(127, result.code)
        assert.truthy(failure.one_line(result):find("no-such-program", 1, true))
    end)
end)
