-- SPDX-License-Identifier: Apache-2.0
-- A kernel whose huge pages are larger than most texts (32 MiB with base pages of 16 KiB): a large text is on them,
-- a small one is not worth one, which is said, and is no error. Run in a guest of its own.

local core = require "tiexec.core"
local json = require "dkjson"
local support = require "support"

local HUGE <const> = core.host().huge_page_size
local bigtext <const>, TEXT <const> = support.programs .. "bigtext", 100 << 20

-- Why the largest text of a program stays as it is.
local function reason(report)
    local largest = { bytes = 0 }
    for _, row in ipairs(report.mappings) do
        if row.bytes > largest.bytes then largest = row end
    end
    return table.concat(largest.why, "; ")
end

describe("huge pages of 32 MiB:", function()
    local mode
    setup(function() mode = support.thp("madvise") end)
    teardown(function() getmetatable(mode).__close() end)

    it("they are that large here", function()
        assert.is_true(HUGE >= 32 << 20)
    end)

    for source, field in pairs { thp = "AnonHugePages", hugetlb = "Private_Hugetlb" } do
        it("a text of 100 MiB is on them: " .. source, function()
            local pool <close> = source == "hugetlb" and support.pool(4) or nil
            local process <close> = support.start_tiexec { "--strict", "--sources", source, bigtext, "wait" }
            local huge, by = support.huge_text(process.pid)
            assert.equal(field, by)
            assert.is_true(huge >= TEXT // HUGE * HUGE - HUGE)
        end)
    end

    for _, name in ipairs { "moved", "static_exec" } do
        it("a text of some MiB stays, with a reason: " .. name, function()
            local folder <close> = support.folder()
            local path, file = support.programs .. name, folder.path .. "/report"
            local plain, result = support.run { path }, support.run_tiexec { "--strict", "--report", file, path }
            local function without_base(text) return (text:gsub("0x%x+", "")) end
            assert.same({ plain.code, without_base(plain.out), "" },
                { result.code, without_base(result.out), result.err })
            local report = json.decode(support.read_file(file))
            assert.equal(0, report.totals.huge_bytes)
            assert.matches("^no whole huge page without ", reason(report))
        end)
    end

    for _, words in ipairs { { "/bin/bash", "-c", "echo $((6 * 7)); exit 3" },
        { "/usr/bin/python3", "-c", "print(6 * 7); raise SystemExit(3)" },
        { "/usr/bin/lua5.4", "-e", "print(6 * 7) os.exit(3)" } } do
        it(words[1] .. " runs as it does alone, without a word", function()
            local result = support.run_tiexec { "--strict", table.unpack(words) }
            assert.same({ 3, "42\n", "" }, { result.code, result.out, result.err })
        end)
    end

    it("--check says how large they are", function()
        local result = support.run_tiexec { "--check" }
        assert.truthy(result.out:find("32 MiB", 1, true), result.out)
    end)
end)
