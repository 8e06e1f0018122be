-- SPDX-License-Identifier: Apache-2.0
-- What the copy of this process returns is read as data. Nothing of it is run, whatever it says.

local core = require "tiexec.core"
local data = require "tiexec.plan.data"
local sandbox = require "tiexec.plan.sandbox"
local support = require "tests.lib.support"

describe("data", function()
    it("comes back as it was", function()
        for _, value in ipairs { true, false, 0, -1, math.mininteger, math.maxinteger, 0.5, -0.0, 1e300, math.huge,
            -math.huge, "", "x", "a\0\n}s3:", ("y"):rep(70000), {}, { 1, { 2, { x = { [true] = "z" } } } },
            { [1.5] = 1, [-3] = false } } do
            assert.same(value, data.load(data.dump(value)))
        end
        assert.is_nil(data.load(data.dump(nil)))
        local nan = data.load(data.dump(0 / 0))
        assert.is_true(nan ~= nan)
        assert.equal("integer", math.type(data.load(data.dump(3))))
        assert.equal("float", math.type(data.load(data.dump(3.0))))
    end)

    it("that is cut off, or is anything else, is refused", function()
        local whole = data.dump { 1, "two", { 3.5, true, x = "y" } }
        for size = 0, #whole - 1 do assert.is_false((pcall(data.load, whole:sub(1, size)))) end
        for _, text in ipairs { whole .. "n", "1", "return 1",
            "i1", "i;", "ix;", "i99999999999999999999;", "s-1:", "s5:x",
            "s99999999999:", "d1234567", "{n}", "{nt}", "{" .. data.dump(0 / 0) .. "t}", ("{i1;"):rep(100000), "q" } do
            assert.is_false((pcall(data.load, text)), text:sub(1, 20))
        end
    end)

    it("that is changed anywhere gives data or is refused", function()
        local whole = data.dump { 1, "two", { 3.5, true, x = "y" } }
        for at = 1, #whole do
            for byte = 0, 255 do
                pcall(data.load, whole:sub(1, at - 1) .. string.char(byte) .. whole:sub(at + 1))
            end
        end
    end)
end)

describe("a copy of this process", function()
    local function result_of(text)
        local folder <close> = support.folder()
        local path = folder.path .. "/x.lua"
        support.write_file(path, text)
        return sandbox.call(function() return sandbox.run_file(path) end)
    end

    it("has tables of its own: what a file changes there is not called", function()
        for _, text in ipairs {
            "string.format = function() return 'i1;' end return { 'own' }",
            "string.pack, string.find, string.sub = nil, nil, nil return { 'own' }",
            "table.concat = function() return 'i1;' end return { 'own' }",
            "math.type = function() return 'float' end return { 'own' }",
            "local m = getmetatable('') if m then m.__index = {} end return { 'own' }",
            "string.rep = function() return 'x' end return { ('own'):rep(1) }",
            "require('tiexec.planner').inward = nil return { require('tiexec.planner').inward and 'own' }",
        } do
            assert.same({ "own" }, (result_of(text)), text)
        end
    end)

    it("that closes its Lua in a copy ends there", function()
        assert.equal("", core.trial(function() os.exit(0, true) end, 2000, 64))
    end)

    it("says for certain which bound was passed", function()
        assert.equal("it ran too long", select(2, result_of("while true do end")))
        assert.equal("it ran too long",
            select(2, result_of("while true do pcall(function() while true do end end) end")))
        assert.equal("it used too much memory", select(2, result_of("return { ('x'):rep(1 << 30) }")))
        assert.equal("killed by signal 9", select(2, core.trial(function()
            core.syscall("kill", core.getpid(), 9)
        end, 20000, 64)))
    end)

    it("says so within a smaller limit of the caller's, too", function()
        local folder <close> = support.folder()
        support.write_file(folder.path .. "/x.lua", "while true do end")
        local result = support.shell(("ulimit -t 1; %s -s %s/x.lua true"):format(support.tiexec, folder.path))
        assert.truthy(result.err:find("it ran too long", 1, true), result.err)
        assert.equal(0, result.code)
    end)

    it("makes plans of 10,000 operations at most", function()
        local validate, list = require "tiexec.plan.validate", {}
        for i = 1, 10001 do list[i] = { op = "keep", start = i, stop = i + 1, reason = "" } end
        assert.matches("more than 10000 operations", select(2, validate.check(list, {}, {})))
        list[10001] = nil
        assert.equal(10000, #validate.check(list, {}, {}))
    end)

    it("returns no more than 4 MiB", function()
        assert.equal("it returned too much", select(2, result_of("return { ('x'):rep(5 << 20) }")))
        assert.equal(3 << 20, #result_of("return { ('x'):rep(3 << 20) }")[1])
        assert.is_true(#select(2, result_of("error(('x'):rep(5 << 20))")) < 5000)
    end)
end)
