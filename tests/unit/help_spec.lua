-- SPDX-License-Identifier: Apache-2.0
-- The options, and what is said of them: each is told of, once, in so many columns and lines.

local help = require "tiexec.help"
local options = require "tiexec.help.options"
local support = require "tests.lib.support"
local words = require "tiexec.help.words"

local function lines_of(text)
    local list = {}
    for line in text:gmatch("([^\n]*)\n") do list[#list + 1] = line end
    return list
end

local function fits(text)
    for _, line in ipairs(lines_of(text)) do
        assert.is_true(#line <= 80, line)
        assert.is_nil(line:find("%s$"), line)
    end
end

describe("the first screen", function()
    it("is one: 24 lines of 80 columns", function()
        local screen = help.screen()
        fits(screen)
        assert.is_true(#lines_of(screen) <= 24)
    end)

    it("has three examples, of options that there are", function()
        local count = 0
        for _, line in ipairs(lines_of(help.screen())) do count = count + (line:find("^  tiexec %-") and 1 or 0) end
        assert.equal(3, count)
    end)
end)

describe("the pages of help", function()
    it("have all options, each once, with its words", function()
        local all, known = help.topic("all"), {}
        fits(all)
        for _, option in ipairs(options) do
            assert.is_nil(known[option.name], option.name)
            known[option.name] = true
            local count = 0
            for _, line in ipairs(lines_of(all)) do
                local begins = (line .. " "):find("  " .. help.head(option) .. " ", 1, true) == 1
                count = count + (begins and 1 or 0)
            end
            assert.equal(1, count, option.name)
            assert.truthy(words.options[option.name], option.name)
            assert.is_true(#help.brief(option.name) <= 80 - 23, option.name)
        end
        for name in pairs(words.options) do assert.is_true(known[name], name) end
    end)

    it("are those that --help completes", function()
        local names = {}
        for i, topic in ipairs(words.topics) do names[i] = topic.name end
        names[#names] = "all" -- in place of help
        for _, option in ipairs(options) do
            if option.name == "help" then assert.same(names, option.words) end
        end
        for _, name in ipairs(names) do fits(assert(help.topic(name))) end
    end)

    it("are named where there is none", function()
        local page, why = help.topic("moon")
        assert.is_nil(page)
        assert.truthy(why:find("no topic 'moon' (there are: start, ", 1, true))
    end)

    it("name tiexec's own strategies", function()
        local found = {}
        for name in support.shell("ls scripts/strategies").out:gmatch("(%w+)%.lua") do found[#found + 1] = name end
        table.sort(found)
        assert.same(found, options[1].words)
    end)
end)
