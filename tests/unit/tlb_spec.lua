-- SPDX-License-Identifier: Apache-2.0
-- The model of instruction TLBs, on traces whose misses can be counted by hand; and the plugin of qemu's that writes
-- traces.

local core = require "tiexec.core"
local model_of_bench = require "tests.bench.model"
local support = require "tests.lib.support"

core.open_late(core)

-- What the model says of the pages and a plan, a list of { first, behind }: misses and walks by the CPU.
local function model(pages, plan)
    local folder <close> = support.folder()
    local flat, found = {}, {}
    for _, huge in ipairs(plan or {}) do table.move(huge, 1, 2, #flat + 1, flat) end
    support.write_file(folder.path .. "/trace", string.pack(("I8"):rep(#pages), table.unpack(pages)))
    for name, counts in pairs(assert(core.tlb(folder.path .. "/trace", flat))) do
        found[name] = { counts.misses, counts.walks }
    end
    return found
end

-- The pages 1000 to 1000 + count - 1, or every `step`th of them, time and again.
local function rounds(count, times, step)
    local pages = {}
    for _ = 1, times do
        for i = 0, count - 1 do pages[#pages + 1] = 1000 + i * (step or 1) end
    end
    return pages
end

describe("the model of instruction TLBs", function()
    it("misses each page once where all fit", function()
        assert.same({ ["zen3"] = { 48, 48 }, ["skylake"] = { 48, 48 }, ["neoverse-n1"] = { 48, 48 } },
            model(rounds(48, 5)))
    end)

    it("misses always where there is one page more than entries, and walks where the second level has it no more",
        function()
            local found = model(rounds(65, 10))
            assert.same({ 650, 65 }, found["zen3"])
            assert.same({ 65, 65 }, found["skylake"])
            assert.same({ 650, 65 }, found["neoverse-n1"])
            assert.same({ 5130, 5130 }, model(rounds(513 + 513, 5))["zen3"])
        end)

    it("has sets: pages that share one push each other out", function()
        assert.same({ 650, 650 }, model(rounds(65, 10, 64))["zen3"])
        assert.same({ 9 * 10, 9 }, model(rounds(9, 10, 16))["skylake"])
    end)

    it("takes a huge page as one", function()
        local found = model(rounds(1000, 3), { { 512, 1024 }, { 1024, 1536 }, { 1536, 2048 } })
        for name, counts in pairs(found) do assert.same({ 3, 3 }, counts, name) end
    end)

    it("has but eight entries for huge pages where the CPU has", function()
        local plan = {}
        for i = 1, 9 do plan[i] = { 512 * i, 512 * (i + 1) } end
        local pages = {}
        for round = 0, 9 do
            for i = 1, 9 do pages[#pages + 1] = 512 * i + round end
        end
        local found = model(pages, plan)
        assert.same({ 90, 9 }, found["skylake"])
        assert.same({ 9, 9 }, found["zen3"])
    end)

    it("does not count a page that follows itself", function()
        assert.same({ 2, 2 }, model({ 7, 7, 7, 8, 8, 7 })["zen3"])
    end)

    it("refuses what is no plan, and no trace", function()
        for _, wrong in ipairs { { 512, "x" }, { 512, 512 }, { 512, 1024, 1000, 1536 } } do
            assert.is_false((pcall(core.tlb, "/dev/null", wrong)))
        end
        local found, why = core.tlb("/nonexistent", {})
        assert.is_nil(found)
        assert.equal("/nonexistent: No such file or directory", why)
    end)

    it("has the CPUs of the list", function()
        local found = model { 1 }
        for _, cpu in ipairs(model_of_bench.cpus) do
            assert.same({ 1, 1 }, found[cpu.name])
            found[cpu.name] = nil
        end
        assert.is_nil(next(found))
    end)
end)

describe("the plugin that writes traces", function()
    local qemu = support.shell("q=qemu-$(uname -m); $q -help | grep -q plugin && command -v $q").out:match("%S+")

    -- Traces a static program; gives the pages, the number of instructions, and how it has ended.
    local function trace(settings, words)
        local folder <close> = support.folder()
        local file = folder.path .. "/trace"
        local result = support.run(support.concat({ qemu, "-plugin", ("%s,out=%s%s"):format(model_of_bench.plugin, file,
            settings) }, words or { support.programs .. "static_exec" }))
        local bytes, pages = support.read_file(file), {}
        for i = 1, #bytes, 8 do pages[#pages + 1] = string.unpack("I8", bytes, i) end
        return pages, tonumber(support.read_file(file .. ".maps"):match("^(%d+) ")), result
    end

    it("names the pages of the program's text, each when it is another than before", function()
        if not qemu then return pending("no qemu-user that takes plugins") end
        local pages, count = trace("")
        local text = support.run({ "readelf", "-lW", support.programs .. "static_exec" }).out
        local address, size = text:match("LOAD +0x%x+ 0x(%x+) 0x%x+ 0x%x+ 0x(%x+) R E")
        local first = tonumber(address, 16) >> 12
        local last = tonumber(address, 16) + tonumber(size, 16) - 1 >> 12
        assert.is_true(#pages > 2 and count > #pages)
        for i, page in ipairs(pages) do
            assert.is_true(first <= page and page <= last, ("%#x"):format(page))
            assert.not_equal(pages[i - 1], page)
        end
    end)

    it("begins and ends where it is told", function()
        if not qemu then return pending("no qemu-user that takes plugins") end
        local all, count = trace("")
        local some, rest = trace(",skip=" .. count // 2)
        assert.is_true(#some < #all)
        assert.is_true(math.abs(count - count // 2 - rest) <= 100) -- a block is counted as a whole
        local _, few, result = trace(",most=1000")
        assert.is_true(few > 1000 and few < 1200)
        assert.equal(0, result.code)
    end)

    it("traces no children", function()
        if not qemu then return pending("no qemu-user that takes plugins") end
        local _, alone = trace("", { "/bin/sh", "-c", ":; :" })
        local pages, count, result = trace("", { "/bin/sh", "-c",
            "(i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); done); :" })
        assert.equal(0, result.code)
        assert.is_true(#pages > 0 and count < 2 * alone, ("%d, %d alone"):format(count, alone))
    end)
end)
