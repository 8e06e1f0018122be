-- SPDX-License-Identifier: Apache-2.0
-- Putting back what a range was made of, where the kernel refuses to take apart what replaced it.

local core = require "tiexec.core"
local pieces = require "tiexec.sources.pieces"

local c = core.constants
local PAGE <const>, HUGE <const>, ASIDE <const> = 0x1000, 0x200000, 0x10000000

describe("putting pieces back", function()
    local list = {
        { start = HUGE, stop = HUGE + PAGE, perms = "r--p", protection = c.PROT_READ, offset = 0 },
        { start = HUGE + PAGE, stop = 2 * HUGE - PAGE, perms = "r-xp", protection = c.PROT_READ | c.PROT_EXEC,
            offset = PAGE },
        { start = 2 * HUGE - PAGE, stop = 2 * HUGE },
    }

    -- Stands for memory that is one huge page until something as large takes its place. Records what is mapped.
    local function memory()
        local whole, mapped = true, {}
        local quiet = { name = function() end, mappings = function() return {} end,
            executable = function() return c.PROT_EXEC end }
        function quiet.call(name, start, size, prot, flags, fd)
            if name == "mremap" then whole = false end
            if start == 0 then return ASIDE end
            if start >= ASIDE then return start end
            if whole and (start | size) & (HUGE - 1) ~= 0 then return nil, "Invalid argument", c.EINVAL end
            if size < HUGE then mapped[#mapped + 1] = { name, start, size, prot, fd } end
            assert.is_true(name == "munmap" or flags & c.MAP_FIXED ~= 0)
            return start
        end
        return quiet, mapped
    end

    it("replaces hugetlb memory as a whole first, which cannot be split", function()
        local process, mapped = memory()
        assert(pieces.restore(process, list, 7))
        assert.same({
            { "mmap", HUGE, PAGE, c.PROT_READ, 7 },
            { "mmap", HUGE + PAGE, HUGE - 2 * PAGE, c.PROT_READ | c.PROT_EXEC, 7 },
            { "munmap", 2 * HUGE - PAGE, PAGE },
        }, mapped)
    end)
end)
