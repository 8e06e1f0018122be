-- SPDX-License-Identifier: Apache-2.0
-- Strategies that return nonsense. An operation that is wrong is refused by name before anything is touched.

local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

local test = failure.tests(it, 4)
local ample, ample_static = support.programs .. "ample", support.programs .. "ample_static"

local folder = support.folder()
teardown(function() getmetatable(folder).__close(folder) end)

local count = 0
local prelude <const> = [[
local planner = require "tiexec.planner"
local function of_kind(inferior, kind)
    for _, m in ipairs(inferior.mappings) do if m.kind == kind then return m end end
end
local function text(inferior)
    for _, m in ipairs(inferior.mappings) do
        if m.kind == "text" and m.stop - m.start > 1 << 22 then return m end
    end
end
local function rounded(host, m)
    local size = host.huge_page_size
    return { op = "remap", start = planner.align_down(m.start, size), stop = planner.align_up(m.stop, size) }
end
local function inside(inferior, host)
    local start, stop = planner.inward(inferior, host, text(inferior))
    return { op = "remap", start = start, stop = stop }
end
]]

local function wrong(name, body, line, command)
    count = count + 1
    local path = ("%s/plan%d.lua"):format(folder.path, count)
    support.write_file(path, ("%s\nreturn { plan = function(inferior, host, options) %s end }"):format(prelude, body))
    test(name, { command = { command or ample, "x" }, options = { "-s", path }, line = line })
end

-- One good operation with some fields changed.
local function with(name, change, line)
    wrong(name, ("local o = inside(inferior, host) %s return { o }"):format(change), line)
end

describe("a plan that is", function()
    wrong("nil", "", "returned a nil")
    wrong("a string", "return 'plan'", "returned a string")
    wrong("a number", "return 7", "returned a number")
    wrong("a function", "return print", "a function is not data")
    wrong("a list of numbers", "return { 1, 2, 3 }", "operation 1 is a number")
    wrong("a list with a hole", "return { inside(inferior, host), nil, inside(inferior, host) }", "must be a list")
    wrong("no list", "return { first = inside(inferior, host) }", "must be a list")
    wrong("a list of empty tables", "return { {} }", "operation 1 of the plan was refused: unknown op")
end)

describe("an operation with", function()
    with("an unknown op", "o.op = 'explode'", "unknown op 'explode'")
    with("an op that is no string", "o.op = {}", "unknown op")
    with("a page size that is none", "o.page_size = 3 << 20", "page_size is not a power of two")
    with("a page size of no integer", "o.page_size = '2M'", "page_size is a string")
    with("ends that are none of its pages'", "o.page_size = 1 << 40", "not aligned to 1048576 MiB")
    with("an unknown key", "o.colour = 'red'", "unknown key 'colour'")
    with("a key that is a table", "o[{}] = 1", "unknown key")
    with("no start", "o.start = nil", "start and stop")
    with("no stop", "o.stop = nil", "start and stop")
    with("a float", "o.start = o.start + 0.0", "start is a number, not a integer")
    with("an infinite stop", "o.stop = math.huge", "stop is a number")
    with("a string for an address", "o.start = ('%#x'):format(o.start)", "start is a string")
    with("a negative start", "o.start = -o.stop", "start must be below stop")
    with("no bytes", "o.stop = o.start", "start must be below stop")
    with("its ends exchanged", "o.start, o.stop = o.stop, o.start", "start must be below stop")
    with("an unaligned start", "o.start = o.start + 4096", "not aligned to 2 MiB")
    with("an unaligned stop", "o.stop = o.stop - 1", "not aligned to 2 MiB")
    with("sources that are unknown", "o.sources = { 'moon' }", "unknown source 'moon'")
    with("no sources", "o.sources = {}", "sources is empty")
    with("sources that are tables", "o.sources = { {} }", "unknown source")
    with("sources in a string", "o.sources = 'thp'", "sources is a string")
    with("a note that is no string", "o.note = 7", "note is a integer")
end)

describe("a range", function()
    wrong("over writable data", "return { rounded(host, of_kind(inferior, 'data')) }", "refused")
    wrong("over RELRO", "return { rounded(host, of_kind(inferior, 'relro')) }", "refused")
    wrong("over the stack", "return { rounded(host, of_kind(inferior, 'stack')) }", "no text of an object")
    wrong("over the vdso", "return { rounded(host, of_kind(inferior, 'vdso')) }", "refused")
    wrong("over the C library", [[
        for _, m in ipairs(inferior.mappings) do
            if m.path:find("libc.so", 1, true) and m.perms:sub(2, 2) == "w" then return { rounded(host, m) } end
        end]], "refused")
    wrong("over the room of the heap", [[
        local start = inferior.heap.start & -host.huge_page_size
        return { { op = "remap", start = start, stop = start + host.huge_page_size } }]], "refused", ample_static)
    wrong("over all addresses", "return { { op = 'remap', start = 0, stop = 1 << 48 } }", "it takes in")
    wrong("over addresses that no process has",
        "return { { op = 'remap', start = 1 << 62, stop = (1 << 62) + (1 << 21) } }", "no text of an object")
    wrong("over nothing", "return { { op = 'remap', start = 0x200000, stop = 0x400000 } }", "no text of an object")
    wrong("that overlaps the one before",
        "local o = inside(inferior, host) return { o, inside(inferior, host) }", "operation 2.*overlaps")
end)

describe("what a strategy does to the tables it can reach", function()
    local huge_data = [[
        local m, size = of_kind(inferior, "data"), host.huge_page_size
        return { { op = "remap", start = m.start & -size, stop = (m.stop + size - 1) & -size } }]]
    wrong("does not reach the checks: the planner", "planner.obstacle = function() end" .. huge_data, "refused")
    wrong("does not reach the checks: the library's tables",
        "math.type = function() return 'integer' end" .. huge_data, "refused")
    for _, library in ipairs { "string", "table", "math" } do
        wrong("does not reach tiexec: the functions of " .. library, ([[
            for name in pairs(%s) do %s[name] = nil end
            error("on purpose")]]):format(library, library), "on purpose")
    end
    wrong("cannot reach the functions of strings", "getmetatable('').__index.format = nil", "boolean value")
    wrong("cannot reach the strings' metatable", "getmetatable('').__index = nil", "boolean value")

    it("does not reach the checks: its description", function()
        local path = folder.path .. "/liar.lua"
        support.write_file(path, prelude .. [[
            return { plan = function(inferior, host)
                for _, m in ipairs(inferior.mappings) do
                    if m.kind == "relro" or m.kind == "data" then m.kind = "rodata" end
                end
                return { rounded(host, of_kind(inferior, "text")) }
            end }]])
        local plain, result = failure.both({ command = { ample, "x" } }, { "-s", path })
        failure.same_end(plain, result)
        assert.truthy(failure.one_line(result):find("it takes in", 1, true))
    end)
end)
