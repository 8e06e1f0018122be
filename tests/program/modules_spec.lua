-- SPDX-License-Identifier: Apache-2.0
-- The program has its modules and strategies in it: it needs none of the files that they were made of.

local support = require "tests.lib.support"

local names = {}
for path in support.shell("cd scripts; find tiexec strategies -name '*.lua'").out:gmatch("[^\n]+") do
    local name = path:gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", "."):gsub("^strategies", "tiexec.%0")
    if not name:find("^tiexec%.types%.") then names[#names + 1] = name end -- annotations alone
end

-- A copy of the program in a folder of its own, with nothing beside it that its modules could be read from.
local folder = support.folder()
teardown(function() getmetatable(folder).__close(folder) end)
os.execute(("mkdir -p %s/a/b; cp %s %s/a/b/tiexec"):format(folder.path, support.tiexec, folder.path))
local program = folder.path .. "/a/b/tiexec"

local function run(script)
    support.write_file(folder.path .. "/script.lua", script)
    return support.run { program, "--script", folder.path .. "/script.lua" }
end

describe("the program alone", function()
    it("has every module and strategy", function()
        assert.is_true(#names > 80)
        local list = '"' .. table.concat(names, '", "') .. '"'
        local result = run(("for _, name in ipairs { %s } do if not package.preload[name] then print(name) end end")
            :format(list))
        assert.equal("", result.out .. result.err)
        assert.equal(0, result.code)
    end)

    it("has no others", function()
        local result = run("return package.preload['tiexec.types.plan'] == nil and package.preload.x == nil and 7 or 1")
        assert.equal(7, result.code, result.err)
    end)

    it("starts programs by each strategy, and says of another that there is none", function()
        for _, strategy in ipairs { "aggressive", "conservative", "none" } do
            local result = support.run { program, "--strict", "-s", strategy, support.programs .. "ample", "x" }
            assert.equal("", result.err)
            assert.equal(3, result.code)
        end
        local result = support.run { program, "-s", "bold", support.programs .. "ample", "x" }
        assert.truthy(result.err:find("no strategy 'bold'", 1, true))
        assert.equal(3, result.code)
    end)

    it("tells the line of an internal error in its own modules", function()
        local result = run("tiexec.launch(nil)")
        assert.truthy(result.err:find("^tiexec: scripts/tiexec/harness/inferiors.lua:%d+: bad argument"), result.err)
    end)
end)

describe("a script", function()
    it("has a state of its own, in which Lua warns as in lua5.4", function()
        support.write_file(folder.path .. "/x.lua", 'warn("@on")\nwarn("one", " two")\nreturn 7\n')
        for _, option in ipairs { "--script", "--scr" } do -- as getopt_long(3) has it
            local result = support.run { support.tiexec, option, folder.path .. "/x.lua" }
            assert.same({ "Lua warning: one two\n", 7 }, { result.err, result.code })
        end
    end)
end)
