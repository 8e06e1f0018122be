-- SPDX-License-Identifier: Apache-2.0
-- docs/API.md: it is what the doc comments say, it has all that there is, and every example in it does what it says.

local api_examples = require "tests.lib.api_examples"
local doc_comments = require "tests.lib.doc_comments"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local API <const> = "docs/API.md"
local TYPES <const> = "u8 i8 u16 i16 u32 i32 u64 i64 pointer float double "
local examples = api_examples.read(API)

-- gdb and gdbserver are in some of the examples.
describe("an example of API.md", function()
    for _, example in ipairs(support.some(examples, 3)) do
        it(("does what it says: %s, line %d"):format(example.name, example.line), function()
            local result = api_examples.run(examples, example)
            assert.same({ 0, "" }, { result.code, result.err })
            local expected = api_examples.expected(example.code)
            for i = 1, math.max(#expected, #result.lines) do
                local line, wanted = result.lines[i] or "(no line)", expected[i] or "(no line)"
                assert.is_true(api_examples.matches(line, wanted), ("'%s' was printed, not '%s'"):format(line, wanted))
            end
        end)
    end
end)

describe("API.md", function()
    local page = support.read_file(API)

    it("is what `make api` writes", function()
        assert.equal(page, support.shell("lua5.4 tests/tools/api.lua").out)
    end)

    -- The names of values that stand for an object's methods.
    local function methods_of(object)
        local index = debug.getmetatable(object).__index
        local names = {}
        for name, value in pairs(type(index) == "table" and index or {}) do
            if type(value) == "function" and not name:find("^__") then names[#names + 1] = name end
        end
        return names
    end

    local entries = doc_comments.read(doc_comments.files())

    -- Why a public name is not as it should be on the page, or nil.
    local function lacks(name)
        local entry = entries[name]
        if entry and entry["local"] then return nil end
        local section = (page .. "\n## "):match("\n### " .. name:gsub("%p", "%%%0") .. "\n(.-)\n##+ ")
        if not section then return name .. " is not there" end
        if not section:find("```lua", 1, true) then return name .. " has no example" end
    end

    local function each_lacks(class, names)
        local list = {}
        for _, name in ipairs(names) do
            local verb, kind = name:match("^(%a+)_(%w+)$") -- read_u8 and its like have one section
            local is_value = (verb == "read" or verb == "write") and TYPES:find(kind .. " ", 1, true)
            list[#list + 1] = lacks(class .. (is_value and verb .. "_TYPE" or name))
        end
        table.sort(list)
        return list
    end

    it("has all of the module", function()
        local names = {}
        for name in pairs(tiexec) do names[#names + 1] = name end
        assert.same({}, each_lacks("tiexec.", names))
    end)

    it("has all of tiexec.planner", function()
        local names = {}
        for name in pairs(require "tiexec.planner") do names[#names + 1] = name end
        assert.same({}, each_lacks("planner.", names))
    end)

    it("has all methods of what a stub has", function()
        local remote <close> = assert(tiexec.connect("| gdbserver - " .. support.programs .. "example 2>/dev/null"))
        local theirs = {}
        for _, name in ipairs(methods_of(remote)) do
            local is_shared = #each_lacks("inferior:", { name }) == 0 -- it does what an inferior's does
            theirs[#theirs + 1] = not is_shared and name or nil
        end
        assert.equal(3, #theirs)
        assert.same({}, each_lacks("remote:", theirs))
        assert(remote:kill())
    end)

    it("has all methods of a live inferior and what it gives", function()
        local inferior <close> = assert(tiexec.launch { support.programs .. "example" })
        local start = inferior:auxv().AT_ENTRY
        local saved <close> = inferior:save()
        local snapshot <close> = inferior:snapshot { { start = start, stop = start + 8 } }
        local scratch <close> = inferior:scratch(4096)
        local point <close> = assert(inferior:breakpoint(start))
        local loan <close> = inferior:lend("text")
        local names = methods_of(inferior)
        assert.is_true(#names > 50)
        assert.same({}, each_lacks("inferior:", names))
        assert.same({}, each_lacks("inferior:", require("tiexec.harness.late").names()))
        assert.same({}, each_lacks("saved:", methods_of(saved)))
        assert.same({}, each_lacks("snapshot:", methods_of(snapshot)))
        assert.same({}, each_lacks("scratch:", methods_of(scratch)))
        assert.same({}, each_lacks("loan:", methods_of(loan)))
        assert.same({}, each_lacks("buffer:", methods_of(tiexec.buffer(1))))
        assert.equal("function", type(point.delete))
        inferior:kill()
    end)
end)
