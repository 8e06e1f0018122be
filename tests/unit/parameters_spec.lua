-- SPDX-License-Identifier: Apache-2.0
-- Parameters of strategies: how they are written, what a strategy may declare of them, whose count.

local parameters = require "tiexec.plan.parameters"
local settings = require "tiexec.plan.settings"
local support = require "tests.lib.support"

local function parse(text) return parameters.parse(text, ",") end

describe("parameters after a strategy's name", function()
    it("are a list of keys and values", function()
        local name, given = parse "hot.lua:file=/x,count=3"
        assert.equal("hot.lua", name)
        assert.same({ file = "/x", count = "3" }, given)
        assert.same({ a = "" }, (select(2, parse "hot:a=")))
        assert.same({ a = "b=c:d=e" }, (select(2, parse "hot:a=b=c:d=e")))
    end)

    it("have a backslash before what would end a value", function()
        assert.same({ a = "1,b=2", c = "\\" }, (select(2, parse [[hot:a=1\,b=2,c=\\]])))
        assert.same({ a = "1+2,3", b = "4" }, (select(2, parameters.parse([[hot:a=1\+2,3+b=4]], "+"))))
    end)

    it("may be none", function()
        for _, text in ipairs { "hot", "hot.lua", "/a:b/hot.lua", "hot:fast" } do
            local name, given = parse(text)
            assert.same({ text }, { name, given })
        end
    end)

    it("do not hide a file whose name has a colon", function()
        local folder <close> = support.folder()
        local path = folder.path .. "/a:b=1.lua"
        support.write_file(path, "")
        assert.same({ path }, { parse(path) })
        local name, given = parse(path .. ":c=2")
        assert.equal(path, name)
        assert.same({ c = "2" }, given)
    end)

    it("are refused where they are none", function()
        assert.same({ nil, "'b' is no parameter (KEY=VALUE)" }, { parse "hot:a=1,b" })
        assert.same({ nil, "'' is no parameter (KEY=VALUE)" }, { parse "hot:a=1," })
        assert.same({ nil, "a name is needed before the parameters" }, { parse ":a=1" })
    end)
end)

describe("parameters that a strategy declares", function()
    local declared = { file = "string", count = { type = "integer", default = 8 }, share = "number",
        deep = { type = "boolean", default = false }, least = { type = "size", default = "1M" } }

    it("get defaults, and the types that were declared", function()
        assert.is_nil(parameters.check(declared))
        assert.same({ count = 8, deep = false, least = 1 << 20 }, parameters.complete(declared, {}))
        assert.same({ file = "7", count = 3, share = 0.5, deep = true, least = 2 << 10 }, parameters.complete(declared,
            { file = "7", count = "3", share = "0.5", deep = "yes", least = "2K" }))
        assert.same({ count = 3, share = 1.5, deep = true, least = 4096 }, parameters.complete(declared,
            { count = 3.0, share = 1.5, deep = true, least = 4096 })) -- as a profile has them
    end)

    it("are refused where they are unknown or of another type", function()
        local function refused(given) return select(2, parameters.complete(declared, given)) end
        assert.equal("unknown parameter 'cuont' (there are: count, deep, file, least, share)", refused { cuont = "3" })
        assert.equal("parameter count: '3.5' is not an integer", refused { count = "3.5" })
        assert.equal("parameter count: 'true' is not an integer", refused { count = true })
        assert.equal("parameter share: 'x' is not a number", refused { share = "x" })
        assert.equal("parameter deep: 'maybe' is not 1 or 0", refused { deep = "maybe" })
        assert.equal("parameter file: '7' is not a string", refused { file = 7 })
        assert.equal("parameter least: '99999999999G' is not a size, such as 64K or 2M",
            refused { least = "99999999999G" })
        assert.equal("it takes no parameters ('x')", select(2, parameters.complete({}, { x = "1" })))
    end)

    it("are as they were given where nothing is declared", function()
        assert.same({ x = "1" }, parameters.complete(nil, { x = "1" }))
    end)

    it("are declared wrongly", function()
        local types = " needs a type (boolean, integer, number, size, string)"
        assert.equal("parameters: a" .. types, parameters.check { a = "text" })
        assert.equal("parameters: a" .. types, parameters.check { a = 3 })
        assert.equal("parameters: a" .. types, parameters.check { a = { type = "string", defualt = "x" } })
        assert.equal("parameters: '1' is no key", parameters.check { "string" })
        assert.equal("parameters: the default of a is not an integer", parameters.check {
            a = { type = "integer", default = "x" } })
    end)
end)

describe("whose parameters count", function()
    it("is told by the strategy that they stand beside", function()
        local profile = { strategy = "hot", parameters = { file = "/p", count = 9 } }
        local function merged(given) return settings.merge(given, profile) end
        assert.same({ file = "/p", count = 9 }, merged({}).parameters)
        assert.same({ file = "/p", count = "1" }, merged({ strategy = "hot", parameters = { count = "1" } }).parameters)
        assert.is_nil(merged({ strategy = "none" }).parameters)
        assert.same({ x = "1" }, merged({ strategy = "cold", parameters = { x = "1" } }).parameters)
    end)

    it("is the last strategy on a command line", function()
        local options = { { name = "strategy", short = "s", argument = "NAME" } }
        assert.same({ strategy = "b" }, (settings.from_arguments({ "tiexec", "-s", "a:x=1", "-s", "b" }, options)))
    end)

    it("is TIEXEC, where a plus sign stands between them", function()
        assert.same({ { strategy = "hot", parameters = { file = "/c++,", count = "3" }, sources = { "thp" } }, {} },
            { settings.from_environment [[strategy=hot:file=/c\+\+\,+count=3,sources=thp]] })
        assert.same({ report = "/a,b", strict = true }, (settings.from_environment [[report=/a\,b,strict]]))
    end)
end)
