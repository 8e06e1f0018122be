-- SPDX-License-Identifier: Apache-2.0
-- What cannot be told of a process is not taken for harmless.

local observed = require "tiexec.harness.observed"
local pieces = require "tiexec.sources.pieces"
local seccomp = require "tiexec.harness.seccomp"
local targets = require "tiexec.harness.targets"

local NOBODY <const> = 0x3fffffff -- no process has this id

local nobody = { pid = function() return NOBODY end, threads = function() return { NOBODY } end }

describe("of a process of which nothing can be read", function()
    it("the pages count as written to, and as small", function()
        local pages = targets.of(nobody).pages(0x1000, 0x5000)
        assert.equal(0x4000, pages.anon_small)
        assert.same({ 0, 0 }, { pages.file_huge, pages.anon_huge })
        assert.truthy(pages.unknown)
    end)

    it("no memory counts as what its file has", function()
        local text = { start = 0x1000, stop = 0x3000, offset = 0, perms = "r-xp", inode = 7, major = 1, minor = 2,
            path = "/x" }
        local list = pieces.of(targets.of(nobody), { text }, { start = 0x1000, stop = 0x3000 }, { text = text })
        assert.truthy(list[1].foreign:find("cannot be told", 1, true), list[1].foreign)
    end)

    it("no filter counts as one that allows everything", function()
        assert.truthy(seccomp.refusal(nobody):find("cannot be told", 1, true))
    end)

    it("nothing is there to look at", function()
        assert.is_nil(observed.open(NOBODY))
    end)
end)
