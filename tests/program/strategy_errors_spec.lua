-- SPDX-License-Identifier: Apache-2.0
-- Strategies that are wrong in every way: none does harm, and one line says what is wrong.

local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

local test = failure.tests(it, 4)
local ample = support.programs .. "ample"

local folder = support.folder()
teardown(function() getmetatable(folder).__close(folder) end)

local count = 0
local function file(text)
    count = count + 1
    local path = ("%s/strategy%d.lua"):format(folder.path, count)
    support.write_file(path, text)
    return path
end

-- A strategy file whose text is `text`; `line` is what the one line must have.
local function wrong(name, text, line)
    test(name, { command = { ample, "x" }, options = { "-s", file(text) }, line = line })
end

-- One whose function `plan` has this body.
local function wrong_plan(name, body, line)
    wrong(name, ("return { plan = function(inferior, host, options) %s end }"):format(body), line)
end

describe("a strategy that", function()
    describe("cannot be loaded:", function()
        wrong("is no Lua", "return {", "strategy%d+%.lua")
        wrong("raises when loaded", "error('on purpose')", "on purpose")
        wrong("raises a table when loaded", "error({})", "strategy%d+%.lua")
        wrong("is a compiled chunk", string.dump(function() return {} end), "binary")
        wrong("returns nothing", "", "returned a nil")
        wrong("returns a number", "return 7", "returned a number")
        wrong("has no plan", "return { name = 'x' }", "no function 'plan'")
        wrong("has an unknown key", "return { plan = function() end, plot = 1 }", "unknown key 'plot'")
        wrong("has a key that is no string", "return { plan = function() end, [{}] = 1 }", "unknown key")
        wrong("has a plan that is no function", "return { plan = {} }", "plan is a table")
        wrong("has an unknown stage", "return { plan = function() end, stages = { 'never' } }", "unknown stage")
        wrong("has stages that are no strings", "return { plan = function() end, stages = { {} } }", "unknown stage")
        wrong("has an unknown source", "return { plan = function() end, sources = { 'moon' } }",
            "unknown source 'moon'")
        wrong("has sources that are no strings", "return { plan = function() end, sources = { {} } }",
            "unknown source")
        wrong("has copied_ends that are no boolean", "return { plan = function() end, copied_ends = 'yes' }",
            "copied_ends is a string, not a boolean")
        wrong("declares parameters wrongly", "return { plan = function() end, parameters = { x = 'text' } }",
            "strategy%d+%.lua: parameters: x needs a type")
        wrong("loops when loaded", "while true do end", "too long")
        for name, path in pairs { ["is missing"] = "/nowhere/s.lua", ["is a directory"] = "/usr/",
            ["has an unknown name"] = "no-such-strategy" } do
            test(name, { command = { ample, "x" }, options = { "-s", path }, line = path:gsub("%p", "%%%0") })
        end
    end)

    describe("gets wrong parameters:", function()
        local path = file "return { name = 'p', plan = function() return {} end, parameters = { count = 'integer' } }"
        for given, line in pairs { ["count=x"] = "strategy p: parameter count: 'x' is not an integer",
            ["cuont=1"] = "strategy p: unknown parameter 'cuont' %(there are: count%)" } do
            test(given, { command = { ample, "x" }, options = { "-s", path .. ":" .. given }, line = line })
        end
        test("none are known", { command = { ample, "x" }, options = { "-s", "aggressive:x=1" },
            line = "strategy aggressive: it takes no parameters" })
    end)

    describe("goes wrong:", function()
        wrong_plan("raises", "error('on purpose')", "on purpose")
        wrong_plan("raises nil", "error(nil)", "strategy")
        wrong_plan("raises a table whose __tostring raises",
            "error(setmetatable({}, { __tostring = function() error('twice') end }))", "strategy")
        wrong("has metamethods that raise",
            "return setmetatable({ plan = function() end }, { __pairs = error, __index = error, __len = error })",
            "strategy%d+%.lua")
        wrong("has metamethods that loop", "local function f() while true do end end "
            .. "return setmetatable({}, { __pairs = f, __index = f, __len = f })", "too long")
        wrong_plan("returns tables with metamethods that loop", "local function f() while true do end end "
            .. "return setmetatable({ {} }, { __pairs = f, __index = f, __len = f })", "unknown op")
        wrong_plan("returns a table in itself", "local t = { op = 'remap' } t[1] = t return t", "nested too deep")
        wrong_plan("returns tables nested for ever", "local t = {} for _ = 1, 1e5 do t = { t } end return t",
            "nested too deep")
        wrong_plan("indexes nil", "return inferior.nothing.at.all", "nil value")
        wrong_plan("calls os.exit", "os.exit(0)", "'os'")
        wrong_plan("opens a file", "io.open('/etc/passwd')", "'io'")
        wrong_plan("runs a program", "os.execute('exit 1')", "'os'")
        wrong_plan("requires the harness", "return require 'tiexec'", "only tiexec%.planner")
        wrong_plan("requires the core", "return require 'tiexec.core'", "only tiexec%.planner")
        wrong_plan("loads code", "return load('return 1')()", "'load'")
        wrong_plan("overflows the stack", "local function f() return 1 + f() end return f()", "overflow")
        wrong_plan("yields", "return coroutine.yield()", "'coroutine'")
    end)

    describe("does not end:", function()
        wrong_plan("loops", "while true do end", "too long")
        wrong_plan("loops within pcall", "while true do pcall(function() while true do end end) end", "too long")
        wrong_plan("loops within a comparator", "table.sort({3, 2, 1}, function() while true do end end)", "too long")
        wrong_plan("loops within gsub", "('x'):gsub('x', function() while true do end end)", "too long")
        wrong_plan("loops within a metamethod",
            "return setmetatable({}, { __index = function() while true do end end }).x", "too long")
        wrong_plan("works on strings for ever", "local s = 'x' while true do s = (s .. 'y'):rep(2):sub(1, 99) end",
            "too long")
        wrong_plan("matches a pattern that takes for ever", "return (('a'):rep(40)):find(('a*'):rep(30) .. 'b')",
            "too long")
    end)

    -- Each by strings of 64 KiB and more, which are copied at once: so the bound of memory, 256 MiB, is reached
    -- long before that of time, however slow the machine.
    describe("eats memory:", function()
        wrong_plan("in a table", "local t, s = {}, ('x'):rep(1 << 16) for i = 1, math.huge do t[i] = { s .. i } end",
            "memory")
        wrong_plan("in one string", "return ('x'):rep(1 << 30)", "memory")
        wrong_plan("in doubling strings", "local s = 'x' while true do s = s .. s end", "memory")
        wrong_plan("within pcall", "local s = 'x' while true do pcall(function() s = s .. s end) end", "memory")
    end)
end)
