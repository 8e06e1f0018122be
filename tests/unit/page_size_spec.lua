-- SPDX-License-Identifier: Apache-2.0
-- For pages of which size a plan is made, and which sources have such.

local core = require "tiexec.core"
local describe_host = require "tiexec.describe".host
local remap = require "tiexec.remap"
local sources = require "tiexec.sources"
local strategy = require "tiexec.strategy"
local support = require "support"

local SIZE <const>, HUGE <const> = 64 << 10, core.huge_page_size()

-- An inferior with one text, of `bytes`, in the middle of a PMD-sized page and of nothing.
local function with_text(bytes)
    local object = { path = "/x/program" }
    local start = 16 * HUGE + SIZE
    return { pid = 1, stage = "entry", executable = object, objects = { object }, mappings = {
        { start = start - HUGE, stop = start, perms = "rw-p", path = object.path, kind = "data", object = object },
        { start = start, stop = start + bytes, perms = "r-xp", path = object.path, kind = "text", object = object },
        { start = start + bytes, stop = start + bytes + HUGE, perms = "rw-p", path = object.path, kind = "data",
            object = object },
    } }
end

-- As on a CPU whose TLB may hold 64 KiB of base pages as one entry.
local function plan(bytes, names, page_size)
    local host = describe_host(page_size)
    host.contiguous_size = SIZE
    local operations, refused, its_host = remap.plan(with_text(bytes), "entry",
        { definition = strategy.load("aggressive"), names = names, host = host, ["page-size"] = page_size })
    assert.same({}, refused)
    local remaps = 0
    for _, operation in ipairs(operations) do remaps = remaps + (operation.op == "remap" and 1 or 0) end
    return its_host.huge_page_size, remaps
end

describe("where no text is worth a PMD-sized page", function()
    it("the plan is made for smaller ones, if a source has any to give", function()
        local mode <close> = support.thp("madvise", SIZE)
        if not mode then return pending("this kernel has none of 64 KiB, or this is not root") end
        assert.same({ SIZE, 1 }, { plan(4 * SIZE, { "file", "thp" }) })
        assert.same({ HUGE, 0 }, { plan(4 * SIZE, { "file", "shared", "hugetlb" }) })
    end)

    it("and else for none", function()
        local mode <close> = support.thp("never", SIZE)
        if not mode then return pending("this kernel has none of 64 KiB, or this is not root") end
        assert.same({ HUGE, 0 }, { plan(4 * SIZE, { "file", "thp" }) })
    end)

    it("and not if a size is asked for", function()
        assert.same({ HUGE, 0 }, { plan(4 * SIZE, { "thp" }, HUGE) })
        assert.same({ SIZE, 1 }, { plan(4 * SIZE, { "file" }, SIZE) })
    end)
end)

it("text worth a PMD-sized page is planned for those", function()
    assert.same({ HUGE, 1 }, { plan(3 * HUGE, { "file", "thp" }) })
end)

describe("pages of another size than the PMD's", function()
    local host = { huge_page_size = SIZE, pmd_size = HUGE, thp = "madvise",
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
