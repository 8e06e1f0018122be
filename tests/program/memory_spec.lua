-- SPDX-License-Identifier: Apache-2.0
-- The text of many processes of one program takes no more memory by the sources that share pages than without tiexec.

local pss = require "tests.lib.pss"
local support = require "tests.lib.support"

local COUNT <const>, TEXT <const> = support.patience > 1 and 6 or 20, 100 << 20

-- Whether this filesystem has large folios: one process then has its text on huge pages of the file.
local function has_large_folios()
    local _, huge = pss.of(1, "file")
    return huge >= TEXT - (4 << 20)
end

local mode
setup(function() mode = support.thp("madvise") end)
teardown(function() if mode then getmetatable(mode).__close() end end)

local plain, none -- measured once

describe("many processes of a program with 100 MiB of text", function()
    for _, source in ipairs { "file", "shared" } do
        it("share it: " .. source, function()
            if source == "file" and not has_large_folios() then
                return pending("this filesystem has no large folios")
            end
            if not plain then plain, none = pss.of(COUNT) end
            local sum, least = pss.of(COUNT, source)
            assert.is_true(plain >= TEXT and none < TEXT // 2) -- the measure is right: read by all, and shared
            assert.is_true(least >= TEXT - (4 << 20), least)
            assert.is_true(sum <= plain * 101 // 100, ("%d bytes, plainly %d"):format(sum, plain))
        end)
    end
end)
