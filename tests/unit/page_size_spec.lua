-- SPDX-License-Identifier: Apache-2.0
-- The size of pages that a plan is made for, and the sources that have pages of that size.

local core = require "tiexec.core"
local hosts = require "tiexec.harness.hosts"
local plan = require "tiexec.plan"
local smaller = require "tiexec.plan.smaller"
local sources = require "tiexec.sources"
local strategy = require "tiexec.plan.strategy"
local support = require "tests.lib.support"

local SIZE <const>, HUGE <const> = 64 << 10, core.huge_page_size()

local function object(path, ...)
    local list = { ... }
    local it = { path = path }
    for _, mapping in ipairs(list) do mapping.object, mapping.path = it, path end
    return list
end

local function mapping(kind, start, bytes)
    local perms = { text = "r-xp", data = "rw-p" }
    return { kind = kind, perms = perms[kind], start = start, stop = start + bytes, offset = 0 }
end

-- An inferior with one text of `bytes`, not at a multiple of anything, with data around it; after that one of 4 pages
-- of 64 KiB, likewise.
local function with_text(bytes)
    local start, list = 16 * HUGE + SIZE + 4096, {}
    for _, size in ipairs { bytes, 4 * SIZE } do
        local path = ("/x/%d"):format(#list)
        table.move(object(path, mapping("data", start - HUGE, HUGE), mapping("text", start, size),
            mapping("data", start + size, HUGE)), 1, 3, #list + 1, list)
        start = start + size + 3 * HUGE
    end
    return { pid = 1, stage = "entry", mappings = list }
end

-- The plan as "PAGES of PAGE-SIZE by SOURCES", or "keep", on a CPU whose TLB may hold 64 KiB of base pages as one
-- entry. `done`: what has got its pages of the first plan; all, if it is not there.
local function plan_of(bytes, names, page_size, done)
    local host = hosts.describe(page_size)
    host.contiguous_size = SIZE
    local operations, refused, second = plan.make(with_text(bytes),
        { definition = strategy.load("aggressive"), names = names, host = host, ["page-size"] = page_size })
    assert.same({}, refused)
    local ranges = {}
    for _, operation in ipairs(operations) do
        if operation.op == "remap" then ranges[#ranges + 1] = operation end
    end
    local lines = {}
    for i, operation in ipairs(smaller.joined(operations, second(done or ranges))) do
        local size = operation.page_size or host.huge_page_size
        lines[i] = operation.op == "remap" and ("%d of %d KiB by %s"):format(
            (operation.stop - operation.start) // size, size >> 10, table.concat(operation.sources or names, ","))
            or "keep"
    end
    return lines
end

describe("where a text is not worth a PMD-sized page", function()
    it("the plan is made for smaller ones, if a source has any to give", function()
        local mode <close> = support.thp("madvise", SIZE)
        if not mode then return pending("this kernel has none of 64 KiB, or this is not root") end
        assert.same({ "3 of 64 KiB by thp", "3 of 64 KiB by thp" }, plan_of(4 * SIZE, { "file", "thp" }))
        assert.same({ "keep", "keep" }, plan_of(4 * SIZE, { "file", "shared", "hugetlb" }))
    end)

    it("what lies beside PMD-sized pages has smaller ones", function()
        local mode <close> = support.thp("madvise", SIZE)
        if not mode then return pending("this kernel has none of 64 KiB, or this is not root") end
        local pmds = ("2 of %d KiB by file,thp"):format(HUGE >> 10)
        local rest = HUGE // SIZE - 2 -- of the page that the text begins in
        assert.same({ ("%d of 64 KiB by thp"):format(rest), pmds, "1 of 64 KiB by thp", "3 of 64 KiB by thp" },
            plan_of(3 * HUGE, { "file", "thp" }))
    end)

    it("what has not got the PMD-sized ones has smaller ones, too", function()
        local mode <close> = support.thp("madvise", SIZE)
        if not mode then return pending("this kernel has none of 64 KiB, or this is not root") end
        local expected = ("%d of 64 KiB by thp"):format(3 * HUGE // SIZE - 1)
        local lines = plan_of(3 * HUGE, { "file", "thp" }, nil, {})
        assert.same({ expected, "3 of 64 KiB by thp" }, { lines[1], lines[3] })
        assert.equal(("2 of %d KiB by file,thp"):format(HUGE >> 10), lines[2])
    end)

    it("and else for none", function()
        local mode <close> = support.thp("never", SIZE)
        if not mode then return pending("this kernel has none of 64 KiB, or this is not root") end
        assert.same({ "keep", "keep" }, plan_of(4 * SIZE, { "file", "thp" }))
    end)

    it("and not if a size is asked for", function()
        assert.same({ "keep", "keep" }, plan_of(4 * SIZE, { "thp" }, HUGE))
        assert.same({ "3 of 64 KiB by file", "3 of 64 KiB by file" }, plan_of(4 * SIZE, { "file" }, SIZE))
    end)
end)

it("a strategy that names sources has no others", function()
    local mode <close> = support.thp("madvise", SIZE)
    if not mode then return pending("this kernel has none of 64 KiB, or this is not root") end
    local folder <close> = support.folder()
    for names, count in pairs { ["'file'"] = 0, ["'hugetlb', 'thp'"] = 2, ["'hugetlb'"] = 0 } do
        local path = ("%s/%d.lua"):format(folder.path, #names)
        support.write_file(path, ([[
local planner = require "tiexec.planner"
return { plan = function(inferior, host)
    local plan = planner.plan_texts(inferior, host, planner.inward)
    for _, o in ipairs(plan) do if o.op == "remap" then o.sources = { %s } end end
    return plan
end }]]):format(names))
        local host = hosts.describe()
        host.contiguous_size = SIZE
        local rest = smaller.plan(with_text(4 * SIZE),
            { definition = strategy.load(path), host = host, names = { "file", "thp" } }, {})
        assert.equal(count, #rest)
        for _, operation in ipairs(rest) do assert.same({ "thp" }, operation.sources) end
    end
end)

describe("pages of another size than the PMD's", function()
    local host = { huge_page_size = SIZE, pmd_size = HUGE, thp = "madvise", capabilities = -1,
        hugetlb = { [SIZE] = {} }, pool = { total = 4, free = 4, reserved = 1, surplus = 0, overcommit = 0 } }

    it("are of the sources that make private copies", function()
        for _, name in ipairs { "file", "shared" } do
            assert.matches("^its pages are of ", sources.lacks(sources.get(name), host))
        end
        for _, name in ipairs { "thp", "hugetlb" } do assert.is_nil(sources.lacks(sources.get(name), host)) end
        assert.is_nil(sources.lacks(sources.get("file"), { huge_page_size = HUGE, pmd_size = HUGE }))
    end)

    it("are offered by a pool of that size", function()
        assert.is_true(sources.get("hugetlb").offers(host))
        local function why(change)
            local other = setmetatable(change, { __index = host })
            return select(2, sources.get("hugetlb").offers(other))
        end
        assert.equal("this kernel has no hugetlb pages of 64 KiB", why { hugetlb = {} })
        assert.equal("the hugetlb pool has no free page (0 in all; as root: echo N > "
            .. "/sys/kernel/mm/hugepages/hugepages-64kB/nr_hugepages)",
            why { pool = { total = 0, free = 0, reserved = 0, surplus = 0, overcommit = 0 } })
    end)

    it("are offered where that size's switch is on", function()
        assert.is_true(sources.get("thp").offers(host))
        assert.is_nil((sources.get("thp").offers(setmetatable({ thp = "never" }, { __index = host }))))
        assert.is_nil((sources.get("thp").offers(setmetatable({ thp = "" }, { __index = host }))))
    end)
end)
