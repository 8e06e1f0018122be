-- SPDX-License-Identifier: Apache-2.0
-- Values as the prompt shows them.

local show = require "tiexec.script.show"

local function results(...) return show.results(table.pack(...)) end

describe("the prompt shows", function()
    it("numbers: large integers are addresses", function()
        for value, text in pairs { [7] = "7", [-38] = "-38", [65535] = "65535", [65536] = "65536 = 0x10000",
            [1 << 40] = "0x10000000000", [1.5] = "1.5",
            [-1 << 63] = "0x8000000000000000" } do
            assert.equal(text, show.value(value))
        end
    end)

    it("strings: text as Lua writes it, and bytes as a dump", function()
        assert.equal([["a\nb\"\\é"]], show.value('a\nb"\\é'))
        assert.equal("0000  41 00 ff 7e                                       A..~", show.value("A\0\xff~"))
        local dump = show.value(("\0"):rep(1000))
        assert.matches("^0000  00 00 .-\n0010 ", dump)
        assert.matches("\n… 1000 bytes in all$", dump)
        assert.is_nil(show.value("\27[2J\xc2\x9b"):find("[\27\x9b]"))
    end)

    it("small tables in a line, large ones below each other", function()
        assert.equal("{}", show.value {})
        assert.equal('{ reason = "exited", thread = 12, exit_code = 3 }',
            show.value { exit_code = 3, thread = 12, reason = "exited" })
        assert.equal('{ 1, 2, ["a b"] = 5, [true] = "y", x = true }',
            show.value { 1, 2, x = true, [true] = "y", ["a b"] = 5 })
        assert.equal('{ 0x1000-0x2000, perms = "r-xp", size = 1048576 }',
            show.value { start = 4096, stop = 8192, perms = "r-xp", size = 1 << 20 })
        local registers = {}
        for i = 1, 20 do registers["r" .. i] = i << 20 end
        assert.matches("^r1   0x100000\nr10  0xa00000\n", show.value(registers))
    end)

    it("what never ends, or is too much, in part", function()
        local circle = {}
        circle.circle = circle
        assert.equal("{ circle = { circle = { circle = {…} } } }", show.value(circle))
        local list = {}
        for i = 1, 1000 do list[i] = { i } end
        local _, lines = show.value(list):gsub("\n", "")
        assert.equal(63, lines)
        assert.matches("\n… 1000 lines in all$", show.value(list))
        for line in show.value { ("é"):rep(99), ("x"):rep(200) }:gmatch("[^\n]+") do
            assert.is_true(utf8.len(line) <= 100)
        end
    end)

    it("what was refused, by its message", function()
        assert.equal("nil, read_memory: Input/output error (EIO)", results(nil, "read_memory: Input/output error", 5))
        assert.equal("nil, no strategy", results(nil, "no strategy"))
        assert.equal("nil", results(nil))
        assert.equal("nil", results(nil, nil))
        assert.equal("1\nnil\n2", results(1, nil, 2))
        assert.equal("{}", results({}, nil, nil))
    end)
end)
