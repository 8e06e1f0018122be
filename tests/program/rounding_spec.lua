-- SPDX-License-Identifier: Apache-2.0
-- The case of the original prototype: a text of 0x5ff000-0xc10000.

local support = require "tests.lib.support"

local shape = support.programs .. "shape"

-- The mappings of a waiting program below 16 MiB, as smaps has them: "start-stop perms field".
local function picture(words)
    local process <close> = support.start_tiexec(words)
    local lines = {}
    for _, m in ipairs(support.smaps(process.pid)) do
        if m.stop <= 0x1000000 then
            local bytes, by = support.huge_bytes(m)
            assert(bytes == 0 or bytes == m.stop - m.start)
            lines[#lines + 1] = ("%x-%x %s %s"):format(m.start, m.stop, m.perms, by or "small")
        end
    end
    return lines
end

for _, source in ipairs { "thp", "hugetlb" } do
    local field = source == "thp" and "AnonHugePages" or "Private_Hugetlb"

    describe("a text of 0x5ff000-0xc10000 by " .. source, function()
        local pool, mode
        setup(function()
            pool = support.pool(8)
            mode = support.thp("madvise")
        end)
        teardown(function()
            if pool then getmetatable(pool).__close() end
            if mode then getmetatable(mode).__close() end
        end)

        it("conservative: a head, 0x600000-0xc00000 huge, a tail", function()
            if source == "hugetlb" and not pool then return pending("no hugetlb pool: not root, or no memory") end
            assert.same({
                "5fe000-5ff000 r--p small",
                "5ff000-600000 r-xp small",
                "600000-c00000 r-xp " .. field,
                "c00000-c10000 r-xp small",
            }, picture { "-s", "conservative", "--sources", source, shape })
        end)

        it("aggressive: 0x400000-0xe00000 huge", function()
            if source == "hugetlb" and not pool then return pending("no hugetlb pool: not root, or no memory") end
            assert.same({ "400000-e00000 r-xp " .. field },
                picture { "-s", "aggressive", "--sources", source, shape })
        end)
    end)
end
