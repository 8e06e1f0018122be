-- SPDX-License-Identifier: Apache-2.0
-- A kernel whose huge pages are larger than most texts (32 MiB with base pages of 16 KiB, 512 MiB with 64 KiB): a text
-- that is larger still is on them; a smaller one is on the pages between (2 MiB, which the TLB holds as one entry), if
-- there are any to be had, and else stays, which is said, and is no error. Run in a guest of its own.

local core = require "tiexec.core"
local folios = require "tests.lib.folios"
local json = require "dkjson"
local planner = require "tiexec.planner"
local support = require "tests.lib.support"

local HUGE <const>, BETWEEN <const> = core.host().huge_page_size, core.host().contiguous_size
local bigtext <const>, TEXT <const> = support.programs .. "bigtext", 100 << 20
local NAME <const> = planner.size_text(HUGE)

-- Why the largest text of a program stays as it is.
local function reason(report)
    local largest = { bytes = 0 }
    for _, row in ipairs(report.mappings) do
        if row.bytes > largest.bytes then largest = row end
    end
    return table.concat(largest.why, "; ")
end

describe("huge pages of " .. NAME .. ":", function()
    local set
    setup(function() -- of the pages between there are none, as on a host that nobody has set up
        set = { support.thp("madvise"), support.thp("never", BETWEEN), support.pool(0, BETWEEN) }
    end)
    teardown(function() for _, each in ipairs(set) do getmetatable(each).__close() end end)

    it("they are that large here", function()
        assert.is_true(HUGE >= 32 << 20)
    end)

    local on_large = TEXT > HUGE and { thp = "AnonHugePages", hugetlb = "Private_Hugetlb" } or {}
    for source, field in pairs(on_large) do
        it("a text of 100 MiB is on them: " .. source, function()
            local pool <close> = source == "hugetlb" and support.pool(4) or nil
            local process <close> = support.start_tiexec { "--strict", "--sources", source, bigtext, "wait" }
            local huge, by = support.huge_text(process.pid)
            assert.equal(field, by)
            assert.is_true(huge >= TEXT // HUGE * HUGE - HUGE)
        end)
    end

    local between = {
        thp = function() return support.thp("madvise", BETWEEN) end,
        hugetlb = function() return support.pool(16, BETWEEN) end,
    }
    for source, arrange in pairs(between) do
        for _, name in ipairs { "moved", "moved-fixed-aligned" } do
            it(("a text of 6 MiB is on pages of 2 MiB: %s, %s"):format(source, name), function()
                local _ <close> = assert(arrange())
                local path = support.programs .. name
                local plain = support.run { path, "brk" }
                local result = support.run_tiexec { "--strict", "--sources", "file," .. source, path, "brk" }
                local function without_base(text) return (text:gsub("0x%x+", "")) end
                assert.same({ plain.code, without_base(plain.out), "" },
                    { result.code, without_base(result.out), result.err })
                local process <close> = support.start_tiexec { "--sources", "file," .. source, path, "wait" }
                assert.is_true(folios.of_text(process.pid, BETWEEN) >= 6 << 20)
                local bytes = support.huge_text(process.pid) -- smaps tells of hugetlb pages alone
                assert.is_true(source == "thp" and bytes == 0 or bytes >= 6 << 20)
            end)
        end
    end

    it("a text of 100 MiB is on pages of 2 MiB where the larger ones are off", function()
        local all <close> = support.thp("never")
        local _ <close> = assert(between.thp())
        local process <close> = support.start_tiexec { "--strict", "--sources=thp", bigtext, "wait" }
        assert.is_true(all ~= nil and folios.of_text(process.pid, BETWEEN) >= TEXT - 2 * math.min(HUGE, 32 << 20))
        assert.is_true(folios.of_text(process.pid, HUGE) < HUGE)
    end)

    it("a text of 100 MiB has its ends on pages of 2 MiB beside the larger ones", function()
        local _ <close> = assert(between.thp())
        local process <close> = support.start_tiexec { "--strict", "--sources=thp", bigtext, "wait" }
        assert.is_true(folios.of_text(process.pid, BETWEEN) >= TEXT)
        if TEXT > HUGE then assert.is_true(support.huge_text(process.pid) >= HUGE) end
    end)

    it("a text of 100 MiB is on pages of 2 MiB if these are asked for", function()
        local _ <close> = assert(between.thp())
        local process <close> = support.start_tiexec { "--strict", "--page-size=2M", "--sources=thp", bigtext, "wait" }
        assert.is_true(folios.of_text(process.pid, BETWEEN) >= TEXT)
        assert.is_true(folios.of_text(process.pid, HUGE) < HUGE)
    end)

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
            local why = reason(report)
            local is_told = why:find(NAME .. " page", 1, true) or why:find("too little to be worth", 1, true)
            assert.truthy(is_told, why)
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

    it("--check says how large they are, and how to have the smaller ones", function()
        local result = support.run_tiexec { "--check" }
        assert.truthy(result.out:find(NAME, 1, true), result.out)
        assert.truthy(result.out:find("2 MiB: THP never, 0 of 0 free in the hugetlb pool: echo madvise > "
            .. "/sys/kernel/mm/transparent_hugepage/hugepages-2048kB/enabled", 1, true), result.out)
    end)
end)
