-- SPDX-License-Identifier: Apache-2.0
-- Recordings: where samples lie, by records that are made up, and by what perf script prints.

local core = require "tiexec.core"
core.open_late(core)
local perf_script = require "tiexec.record.perf_script"
local pprof = require "tiexec.record.pprof"
local recording = require "tiexec.record.recording"
local recordings = require "tiexec.plan.recordings"
local resolving = require "tiexec.record.resolving"
local summary = require "tiexec.record.summary"
local support = require "tests.lib.support"

local burning = core.realpath(support.programs .. "burning")

-- What core.sample gives, of a list of records.
local function records(list) return { get = function(_, i) return table.unpack(list[i]) end }, #list end

local function offsets(resolver, executable, path) return resolver.executables[executable].objects[path].offsets end

describe("samples are resolved", function()
    it("by the mappings of their time, in children and after an exec, too", function()
        local resolver = resolving.new()
        resolver:read(records {
            { "exec", 7 },
            { "map", 7, 0x1000, 0x2000, 0x8000, "/bin/a" },
            { "pc", 7, 0x1010 },
            { "fork", 8, 7 },
            { "fork", 7, 7 }, -- a thread
            { "pc", 8, 0x1010 },
            { "map", 8, 0x2000, 0x1000, 0, "/lib/b" }, -- over a part
            { "pc", 8, 0x2004 }, { "pc", 7, 0x2004 },
            { "exec", 8 },
            { "map", 8, 0x1000, 0x1000, 0, "/bin/c" },
            { "map", 8, 0x5000, 0x1000, 0, "/lib/ld.so" },
            { "pc", 8, 0x1010 }, { "pc", 8, 0x9999 },
            { "map", 8, 0x9000, 0x1000, 0, "//anon" },
            { "pc", 8, 0x9999 },
            { "lost", 5 },
        })
        assert.same({ [0x8010] = 2, [0x9004] = 1 }, offsets(resolver, "/bin/a", "/bin/a"))
        assert.same({ [4] = 1 }, offsets(resolver, "/bin/a", "/lib/b"))
        assert.same({ [0x10] = 1 }, offsets(resolver, "/bin/c", "/bin/c"))
        assert.same({}, offsets(resolver, "/bin/c", "//anon"))
        assert.equal(1, resolver.executables["/bin/c"].objects["//unknown"].samples)
        assert.equal(7, resolver.samples)
        assert.equal(5, resolver.lost)
    end)
end)

-- A recording of one object with these pages.
local function of_pages(pages)
    local samples = 0
    for _, count in pairs(pages) do samples = samples + count end
    return { executable = "/bin/a", samples = samples, lost = 0, event = "cycles", frequency = 1000,
        objects = { { path = "/bin/a", samples = samples, pages = pages } } }
end

describe("a summary", function()
    local HUGE <const> = 2 << 20

    it("counts the pages that hold most of the samples", function()
        local found = summary.of(of_pages { [0] = 50, [1] = 30, [511] = 10, [512] = 9, [5120] = 1 }, HUGE)
        assert.same({ { share = 0.5, small = 1, huge = 1 }, { share = 0.9, small = 3, huge = 1 },
            { share = 0.99, small = 4, huge = 2 } }, found.needed)
        assert.same({ object = "/bin/a", offset = 0, samples = 90 }, found.pages[1])
    end)

    it("has letters for heat", function()
        local picture = summary.picture(summary.of(of_pages { [600] = 97, [1024] = 2, [2048] = 1 }, HUGE), "/bin/a")
        local letters = {}
        for i, grade in ipairs(picture) do letters[i] = grade.letter end
        assert.equal("#+_+", table.concat(letters))
        assert.equal(HUGE, picture.first)
        assert.is_nil(summary.picture(summary.of(of_pages {}, HUGE), "/bin/a"))
    end)
end)

describe("a recording's file", function()
    it("is Lua that gives the recording back", function()
        local folder <close> = support.folder()
        local one = of_pages { [3] = 1, [700] = 2 }
        one.objects[1].path, one.build_id = 'odd\n"name', "abc"
        one.objects[1].symbols = { { name = "f", samples = 2 } }
        support.write_file(folder.path .. "/r.lua", recording.text(one))
        assert.same(one, (recordings.read(folder.path .. "/r.lua")))
    end)

    it("is refused, if it is none", function()
        local folder <close> = support.folder()
        for text, said in pairs {
            ["return 1"] = "not a table",
            ["return {}"] = "it is no recording",
            ["return { executable = 'x', samples = 1, objects = { {} } }"] = "an object needs",
            ["return { executable = 'x', samples = 1, objects = { { path = 'x', samples = 1, pages = { x = 1 } } } }"] =
                "pages has no number",
            ["while true do end"] = "",
        } do
            support.write_file(folder.path .. "/r.lua", text)
            local one, why = recordings.read(folder.path .. "/r.lua")
            assert.is_nil(one)
            assert.truthy(why:find(said, 1, true), why)
        end
    end)
end)

describe("what perf script prints", function()
    local image = core.image(burning)
    local symbols = core.symbol_table()
    assert(symbols:add(burning))
    local main, start = symbols:find("main"), symbols:find("_start")

    local function offset_of(address)
        for _, segment in ipairs(image.segments) do
            if segment.type == 1 and segment.vaddr <= address and address < segment.vaddr + segment.filesz then
                return address - segment.vaddr + segment.offset
            end
        end
    end

    it("is resolved by mappings, where it has them", function()
        local resolver = perf_script.read(([[
  12 PERF_RECORD_MMAP2 12/12: [0x5000(0x2000) @ 0x3000 fe:00 11199990 165]: r-xp /bin/a
  12 PERF_RECORD_MMAP2 12/12: [0x9000(0x2000) @ 0 fe:00 11199990 165]: r--p /bin/a
  12             5010 f+0x4 (/bin/a)
  12             6fff [unknown] (/bin/a)
]]))
        assert.same({ [0x3010] = 1, [0x4fff] = 1 }, offsets(resolver, "/bin/a", "/bin/a"))
    end)

    it("is resolved by symbols, where it has none", function()
        local base = 0x7f0000123000
        local lines = {
            ("%16x main (%s)"):format(base + main.address + 8, burning),
            ("%16x _start (%s)"):format(base + start.address + 1, burning),
            ("%16x main (%s)"):format(base + main.address + main.size - 1, burning),
            "    7f00deadbeef g (/lib/libgone.so.1)",
            "# a comment",
        }
        local resolver = perf_script.read(table.concat(lines, "\n"))
        assert.same({ [offset_of(main.address + 8)] = 1, [offset_of(start.address + 1)] = 1,
            [offset_of(main.address + main.size - 1)] = 1 }, offsets(resolver, burning, burning))
        assert.equal(1, resolver.executables[burning].objects["/lib/libgone.so.1"].samples)
    end)

    it("has only addresses where llvm-profgen is to read it, with or without stacks", function()
        local maps = [[
PERF_RECORD_MMAP2 12/12: [0x400000(0x2000) @ 0x1000 fe:00 11199990 165]: r-xp /bin/a
PERF_RECORD_MMAP2 12/12: [0x7f0000001000(0x1000) @ 0 fe:00 77 165]: r-xp /lib/b
]]
        local resolver = perf_script.read(maps .. [[
 400010  0x400100/0x400010/P/-/-/0  0x400200/0x400100/M/-/-/3
 7f0000001004 0x400010/0x7f0000001000/P/-/-/0
]])
        local executable = next(resolver.executables)
        assert.same({ [0x1010] = 1 }, offsets(resolver, executable, "/bin/a"))
        assert.same({ [4] = 1 }, offsets(resolver, executable, "/lib/b"))
        resolver = perf_script.read(maps .. [[

	          400010
	          400800
 0x400100/0x400010/P/-/-/0

	          400020
 0x400100/0x400020/P/-/-/0
]])
        assert.same({ [0x1010] = 1, [0x1020] = 1 }, offsets(resolver, next(resolver.executables), "/bin/a"))
        assert.is_nil((perf_script.read(" 400010  0x400100/0x400010/P/-/-/0\n"))) -- of what?
    end)

    it("is refused, if it has no samples", function()
        for _, text in ipairs { "", "hello\nworld", "zz (a)", "(", "12 (\0" } do
            assert.is_nil((perf_script.read(text)))
        end
    end)
end)

describe("what pprof -raw prints", function()
    local TEXT <const> = [[
PeriodType: cpu nanoseconds
Period: 10000000
Time: 2026-11-27 10:15:38 +0000 UTC
Duration: 2.95
Samples:
samples/count cpu/nanoseconds
         18  180000000: 1 2
          3   30000000: 3 4 2
                thread:[7]
          2   20000000: 9
Locations
     1: 0x4a8b98 M=1 main.hot /tmp/m.go:3 s=0
             main.main /tmp/m.go:4 s=0
     2: 0x435971 M=1 runtime.main /usr/lib/go/proc.go:250 s=0
     3: 0x7f0000000123 M=2 memcpy ??:0 s=0
     4: 0x4a8b97 M=1 main.hot /tmp/m.go:3 s=0
Mappings
1: 0x400000/0x4a9000/0x1000 /bin/m  [FN]
2: 0x7f0000000000/0x7f0000001000/0x26000 /lib/c.so abcdef [FN]
]]

    it("is resolved by its mappings, and counts the samples", function()
        assert.is_true(pprof.is_one(TEXT))
        local resolver = pprof.read(TEXT)
        assert.same({ [0xa9b98] = 18 }, offsets(resolver, "/bin/m", "/bin/m"))
        assert.same({ [0x26123] = 3 }, offsets(resolver, "/bin/m", "/lib/c.so"))
        assert.equal(23, resolver.samples)
        assert.equal(2, resolver.executables["/bin/m"].objects[resolving.NOWHERE].samples)
    end)

    it("is refused without mappings or samples", function()
        assert.is_nil((pprof.read "PeriodType: cpu nanoseconds\n"))
        assert.is_nil((pprof.read(TEXT:gsub("Mappings.*", ""))))
        assert.is_nil((pprof.read(TEXT:gsub("Samples.-Locations", "Locations"))))
        assert.is_false(pprof.is_one("12 5010 f (/bin/a)"))
    end)

    it("becomes a recording, by --report", function()
        local folder <close> = support.folder()
        support.write_file(folder.path .. "/raw", TEXT)
        local result = support.run { support.tiexec, "--record", "--report", folder.path .. "/raw", "-o",
            folder.path .. "/r.lua" }
        assert.equal(0, result.code, result.err)
        local one = assert(recordings.read(folder.path .. "/r.lua"))
        assert.equal("pprof's", one.event)
        assert.equal(23, one.samples)
        assert.same({ [0xa9] = 18 }, one.objects[1].pages)
    end)
end)
