-- SPDX-License-Identifier: Apache-2.0
-- What measurements of TLB reach are taken to mean. The numbers are given: nothing is timed here.

local core = require "tiexec.core"
local probe = require "tiexec.check.probe"
local support = require "tests.lib.support"

local ROUNDS <const> = 21

-- So many rounds around a number of nanoseconds, up to `spread` of it more or less.
local function around(nanoseconds, spread, phase)
    local list = {}
    for i = 1, ROUNDS do list[i] = nanoseconds * (1 + (spread or 0.02) * math.sin(i * 2.4 + (phase or 0))) end
    return list
end

-- Two cases: 256 places and 4096.
local function judge(few, many, spread)
    local function case(pages, times)
        return { pages = pages, small = around(times[1], spread), huge = around(times[2], spread, 2),
            packed = around(times[3], spread, 4) }
    end
    return probe.judge { case(256, few), case(4096, many) }
end

describe("TLB reach", function()
    it("is full where places in huge pages cost as little as packed ones", function()
        local result = judge({ 3.5, 1.3, 1.3 }, { 25, 4.2, 4 })
        assert.equal("full", result.verdict)
        assert.is_false(result.splintered)
        assert.is_true(result.cases[2].saved.low > 0.9 and result.cases[2].saved.high <= 1)
    end)

    it("is little where they cost as much as small pages", function()
        local result = judge({ 3.6, 3.6, 1.3 }, { 90, 85, 5 })
        assert.equal("little", result.verdict)
        assert.is_true(result.splintered)
        assert.is_true(math.abs(result.slowdown - 3.6 / 1.3) < 0.1)
    end)

    it("is a part in between, and where only the walks are shorter", function()
        assert.equal("part", judge({ 3.6, 2.4, 1.3 }, { 90, 50, 5 }).verdict)
        assert.equal("part", judge({ 3.6, 3.6, 1.3 }, { 90, 50, 5 }).verdict)
    end)

    it("is never full on a host where one huge page takes many entries", function()
        local result = judge({ 1.3, 3.9, 1.3 }, { 90, 6, 5 })
        assert.is_true(result.splintered)
        assert.equal("part", result.verdict)
    end)

    it("is not told from times that differ too much", function()
        assert.equal("unsure", judge({ 3.6, 3.0, 1.3 }, { 90, 60, 5 }, 0.7).verdict)
    end)

    it("is not told where misses cost nothing", function()
        local result = judge({ 1.3, 1.3, 1.3 }, { 4.1, 4.1, 4 })
        assert.equal("unknown", result.verdict)
        assert.is_nil(result.cases[1].saved)
    end)

    it("of code tells the share of the gain, which data do not", function()
        local few = { kind = "data", pages = 256, small = around(3.5), huge = around(1.3), packed = around(1.3) }
        local result = probe.judge { few,
            { kind = "code", pages = 4096, small = around(40), huge = around(17), packed = around(10) } }
        assert.equal("code", result.cases[2].kind)
        assert.equal(result.cases[2].saved, result.share)
        assert.is_true(math.abs(result.share.median - 23 / 30) < 0.1)
        assert.equal("part", result.verdict)
        assert.is_nil(probe.judge({ few }).share)
    end)

    it("bounds hold the median, whatever single rounds were like", function()
        local sample = { pages = 256, small = around(4), huge = around(1.3), packed = around(1.3) }
        sample.small[3], sample.huge[7], sample.packed[9] = 400, 90, 90
        local case = probe.judge({ sample, sample }).cases[1]
        assert.is_true(case.small.low <= case.small.median and case.small.median <= case.small.high)
        assert.is_true(case.small.high < 5 and case.huge.high < 2)
        assert.is_true(case.saved.median > 0.9)
    end)
end)

describe("measuring", function()
    local page <const>, huge <const> = core.page_size(), core.host().huge_page_size

    local function chase(changes, by)
        local what = { pages = 8, page_size = page, align = huge, flags = 0, advice = 0, loads = 100 }
        for name, value in pairs(changes or {}) do what[name] = value end
        return (by or core.probe_chase)(what)
    end

    it("gives a time and leaves no memory behind", function()
        local before <const>, TIMES <const> = #core.mappings(core.getpid()), 100
        for _ = 1, TIMES do assert.is_true(assert(chase()) > 0) end
        assert.is_true(#core.mappings(core.getpid()) < before + TIMES / 2) -- malloc may have some more
    end)

    it("small pages are small: none is huge where that is refused", function()
        local _, bytes = assert(chase { pages = 600, advice = core.constants.MADV_NOHUGEPAGE })
        assert.equal(0, bytes)
    end)

    it("jumps through code, on small and on huge pages, one page or many", function()
        local constants = core.constants
        for _, pages in ipairs { 1, 2, 8, 4096 } do
            local time, bytes = assert(chase({ pages = pages, advice = constants.MADV_NOHUGEPAGE }, core.probe_jumps))
            assert.is_true(time > 0)
            assert.equal(0, bytes)
        end
        assert.is_true(assert(chase({ pages = 500, page_size = 64 }, core.probe_jumps)) > 0)
        assert.equal(34, select(3, chase({ pages = 1 << 15 }, core.probe_jumps))) -- ERANGE
    end)

    it("no memory is writable and executable at a time, for jumps either", function()
        local trace = support.run { "strace", "-f", "-e", "trace=mmap,mprotect", support.tiexec, "--check", "--probe" }
        if trace.code == 127 then return pending("no strace") end
        local _, executable = trace.err:gsub("mprotect%(0x%x+, %d+, PROT_READ|PROT_EXEC%)", "")
        assert.is_true(executable >= 21, trace.err:sub(1, 500))
        assert.is_nil(trace.err:find("PROT_WRITE|PROT_EXEC", 1, true))
    end)

    it("tells what the kernel refuses", function()
        assert.is_nil((chase { advice = 9999 }))
        assert.is_nil((core.probe_file("/nowhere", 0, huge)))
        assert.is_nil((core.probe_file("/proc/self/maps", 0, huge)))
    end)

    it("misuse raises", function()
        for name, value in pairs { pages = 0, page_size = 100, align = 3, loads = 0, flags = -1, advice = 1.5 } do
            assert.has_error(function() chase { [name] = value } end, nil, name)
        end
        assert.has_error(function() core.probe_file("/bin/true", 1, huge) end)
    end)
end)
