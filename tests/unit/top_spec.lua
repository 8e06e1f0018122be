-- SPDX-License-Identifier: Apache-2.0
-- The lines of --top fit the terminal, whatever there is to show.

local top = require "tiexec.inspect.top"

local function process(pid, name, bytes, huge, resident)
    return { pid = pid, name = name, bytes = bytes, huge_bytes = huge, resident = resident or bytes, generated = 0 }
end

local function width_of(line) return utf8.len(line) or #line end

local function assert_fits(list, rows, columns)
    local lines = top.lines(list, rows, columns)
    assert.is_true(#lines <= rows)
    for _, line in ipairs(lines) do
        assert.is_true(width_of(line) <= columns, line)
        assert.is_nil(line:find("%c"), line)
    end
    return lines
end

local many = {}
for i = 1, 300 do many[i] = process(i, "program" .. i, i << 20, 0) end

describe("--top", function()
    it("fits 80 columns and 24 rows, and larger terminals", function()
        assert.matches("huge *$", assert_fits(many, 24, 80)[1]) -- whole
        assert.equal(24, #assert_fits(many, 24, 80))
        assert.equal(60, #assert_fits(many, 60, 200))
        assert.equal(303, #assert_fits(many, 1000, 80))
    end)

    it("has the figures of each process, in its order", function()
        local lines = assert_fits({ process(7, "node", 40 << 20, 30 << 20), process(8, "sh", 1 << 20, 0, 0) }, 24, 80)
        assert.matches("^      7  node +40 MiB +30 MiB +75.0 %% +75.0 %% +0 KiB$", lines[4])
        assert.matches("^      8  sh +1 MiB +0 KiB +0.0 %% +%- +0 KiB$", lines[5])
        assert.matches("^tiexec %(q ends%): 2 processes; of 40 MiB of text in memory 75.0 %% huge", lines[1])
    end)

    it("cuts names that are too long, and shows none that commands a terminal", function()
        for _, name in ipairs { ("x"):rep(300), ("ü"):rep(300), "a\27[2Jb", "\xff\xfe", "tab\tnewline\n" } do
            assert_fits({ process(4194303, name, 1 << 40, 1 << 39) }, 24, 80)
        end
    end)

    it("is content with a terminal that is too small for anything", function()
        for _, size in ipairs { { 3, 20 }, { 4, 70 }, { 24, 40 } } do assert_fits(many, size[1], size[2]) end
    end)

    it("has something to say of no processes", function()
        assert.matches("0 processes; of 0 KiB of text in memory nothing huge", assert_fits({}, 24, 80)[1])
    end)
end)
