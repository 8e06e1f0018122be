-- SPDX-License-Identifier: Apache-2.0
-- A target remembers the mappings of a range for as long as its own system calls leave them alone: what it gives is
-- what the kernel would.

local core = require "tiexec.core"
local ranges = require "tiexec.base.ranges"
local targets = require "tiexec.harness.targets"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local c = core.constants
local PAGE <const> = core.page_size()
local PAGES <const> = 24
local RIGHTS <const> = { c.PROT_READ, c.PROT_READ | c.PROT_WRITE, c.PROT_NONE }

-- The mappings of a list that overlap a range, in words.
local function picture(list, range)
    local lines = {}
    for _, m in ipairs(list) do
        if ranges.overlap(m, range) then lines[#lines + 1] = ("%x-%x %s"):format(m.start, m.stop, m.perms) end
    end
    return table.concat(lines, "\n")
end

describe("a target's mappings of a range", function()
    it("are as they are now, whatever its system calls were", function()
        math.randomseed(13)
        local inferior <close> = assert(tiexec.launch { support.programs .. "small" })
        local target = targets.of(inferior)
        local base = assert(target.call("mmap", 0, PAGES * PAGE, c.PROT_READ, c.MAP_PRIVATE | c.MAP_ANONYMOUS, -1, 0))
        local function some()
            local first = math.random(0, PAGES - 1)
            return base + first * PAGE, math.random(1, PAGES - first) * PAGE
        end
        local reads, mappings = 0, core.mappings
        core.mappings = function(...)
            reads = reads + 1
            return mappings(...)
        end
        local undo <close> = setmetatable({}, { __close = function() core.mappings = mappings end })
        for i = 1, 600 do
            local start, size = some()
            local kind = math.random(8)
            if kind <= 4 then
                target.call("mprotect", start, PAGE, RIGHTS[math.random(#RIGHTS)])
            elseif kind == 5 then
                target.call("madvise", start, PAGE, math.random(2) == 1 and c.MADV_DONTNEED or c.MADV_HUGEPAGE)
            elseif kind == 6 then
                target.call("munmap", start, size)
            else
                target.call("mmap", start, PAGE, c.PROT_READ, c.MAP_PRIVATE | c.MAP_ANONYMOUS | c.MAP_FIXED, -1, 0)
            end
            for _ = 1, 3 do
                start, size = some()
                local range = { start = start, stop = start + size // 4 + PAGE }
                local now = mappings(inferior:pid(), false, true)
                assert.equal(picture(now, range), picture(target.mappings(range), range), "step " .. i)
            end
            local all, total = target.mappings()
            assert.same({ mappings(inferior:pid(), false, true) }, { all, total })
        end
        assert.is_true(reads < 600 * 3, reads .. " reads")
    end)

    it("are not read again for what lies elsewhere", function()
        local inferior <close> = assert(tiexec.launch { support.programs .. "small" })
        local target, list = targets.of(inferior), inferior:mappings()
        local first, last = list[1], list[#list - 1]
        local read = target.mappings()
        target.call("mprotect", first.start, PAGE, c.PROT_READ)
        assert.equal(read, target.mappings(last))
        assert.not_equal(read, target.mappings(first))
        assert.not_equal(read, target.mappings())
    end)
end)
