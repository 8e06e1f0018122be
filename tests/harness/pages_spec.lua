-- SPDX-License-Identifier: Apache-2.0
-- What is told of the pages of a range: by PAGEMAP_SCAN (Linux 6.7), and on older kernels by what else there is.

local core = require "tiexec.core"
local stopped = require "tests.lib.stopped"
local support = require "tests.lib.support"
local targets = require "tiexec.harness.targets"

local PAGE <const> = core.host().page_size

-- The program at its entry point, one page of whose text was written to; the mapping, and the page's address.
local function written_to()
    local inferior = stopped.at_entry { support.programs .. "ample" }
    local address = inferior:symbol "main"
    assert(inferior:breakpoint(address, "software")):delete()
    for _, mapping in ipairs(inferior:mappings()) do
        if address - mapping.start >= 0 and address < mapping.stop then return inferior, mapping, address & -PAGE end
    end
end

describe("the pages of a part of a mapping", function()
    local scan
    before_each(function() scan = core.pagemap end)
    after_each(function() core.pagemap = scan end)

    for _, kernel in ipairs { "this kernel", "a kernel before Linux 6.7" } do
        it("are those that were written to in that part: " .. kernel, function()
            if kernel ~= "this kernel" then core.pagemap = function() return nil, "too old" end end
            local inferior <close>, mapping, page = written_to()
            local target = targets.of(inferior)
            local function count(start, stop) return target.pages(start, stop).anon_small end
            assert.equal(PAGE, count(mapping.start, mapping.stop))
            assert.equal(PAGE, count(page, page + PAGE))
            assert.equal(0, count(mapping.start, page))
            assert.equal(0, count(page + PAGE, mapping.stop))
            stopped.finish(inferior)
        end)
    end
end)
