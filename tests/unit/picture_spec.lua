-- SPDX-License-Identifier: Apache-2.0
-- What the demo has found, as a screen and as a picture.

local picture = dofile "tests/tools/picture.lua"
local support = require "tests.lib.support"

local function gathered(notes)
    local folder <close> = support.folder()
    local path = folder.path
    support.write_file(path .. "/rows",
        "plain\t5409\t4\t0\t2\ntiexec server\t0\t4\t11\t2\nplain, once more\t801\t4\t9\t2\n")
    support.write_file(path .. "/facts", "program server\nsize 21.1 MiB\nhost Linux 6.18, x86_64\ndate 2026-11-27\n")
    support.write_file(path .. "/compare.json", ([[{ "command": "/usr/bin/tool a<b", "pairs": 12, "notes": [%s],
        "quantities": { "CPU time": { "medians": { "plain": 0.4, "warm": 0.36, "tiexec": 0.35 }, "against": { "plain": {
        "warm": { "ratio": 0.9, "low": 0.88, "high": 0.93, "verdict": "less" },
        "tiexec": { "ratio": 0.875, "verdict": "unknown" } } } } } }]])
        :format(notes or ""))
    return picture.gather(path)
end

local function plain(_, words) return words end

describe("the demo's last screen", function()
    it("has a square for each place of a huge page, and the figures", function()
        local screen = picture.screen(gathered(), plain)
        for _, line in ipairs { "The code of server, 21.1 MiB, while it serves", "CPU time of tool a<b",
            " plain             ▒▒▒▒▒▒▒▒▒▒▒  5409 × 4 KiB",
            " tiexec server     ■■■■■■■■■■■  11 × 2 MiB",
            " plain, once more  ■■■■■■■■■▒▒  9 × 2 MiB and 801 × 4 KiB", "━ 400 ms",
            "360 ms  −10.0 % (−12.0 to −7.0)",
            "350 ms  −12.5 %, too few pairs", "12 pairs of runs" } do
            assert.truthy(screen:find(line, 1, true), line .. "\n" .. screen)
        end
    end)

    it("calls no change what may be none", function()
        local found = gathered()
        local way = found.compare.ways[3]
        way.low, way.high, way.verdict = 0.8, 1.1, "same"
        local screen = picture.screen(found, plain)
        assert.truthy(screen:find("350 ms  no measurable change (−20.0 to +10.0)", 1, true), screen)
        assert.truthy(picture.svg(found):find("no measurable change (−20.0 to +10.0)", 1, true))
    end)

    it("keeps to 80 columns, and says what makes the figures doubtful", function()
        local screen = picture.screen(gathered '"the host was busy: other work took 1.9 of 2 processors", "x"', plain)
        for line in screen:gmatch("[^\n]+") do assert.is_true(utf8.len(line) <= 80, line) end
        assert.truthy(screen:gsub("%s+", " "):find("the host was busy", 1, true))
    end)
end)

describe("the picture", function()
    it("has the same figures, in elements that are closed", function()
        local svg = picture.svg(gathered())
        for _, words in ipairs { "5409 × 4 KiB", "9 × 2 MiB and 801 × 4 KiB", "tool a&lt;b", "−12.0 to −7.0",
            "prefers-color-scheme: dark" } do assert.truthy(svg:find(words, 1, true), words) end
        assert.equal(11 + 11 + 11 + 2 + 11 + 3, select(2, svg:gsub('height="20"', "")))
        local open = {}
        for closing, name, own in svg:gmatch("<(/?)(%a+)[^<>]-(/?)>") do
            if closing == "/" then
                assert.equal(table.remove(open), name)
            elseif own == "" then
                open[#open + 1] = name
            end
        end
        assert.same({}, open)
    end)
end)
