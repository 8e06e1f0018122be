-- SPDX-License-Identifier: Apache-2.0
-- Properties of mappings, as smaps has them: which are kept, and which forbid that other memory takes their place.

local core = require "tiexec.core"
local properties = require "tiexec.harness.properties"

local HUGE <const>, PAGE <const> = 0x200000, 0x1000
local range <const> = { start = 2 * HUGE, stop = 4 * HUGE }
local host <const> = { huge_page_size = HUGE, nodes = 1 }
local target <const> = { pid = core.getpid() }

local function mapping(start, stop, flags, key)
    return { start = start, stop = stop, vm_flags = "rd ex mr mw me " .. flags, protection_key = key or 0 }
end

local function of(...) return properties.of(target, range, host, { ... }) end

local function whole(flags, key) return mapping(2 * HUGE - PAGE, 4 * HUGE + PAGE, flags, key) end

describe("what other memory cannot be given", function()
    for flag, words in pairs { sl = "sealed", um = "userfaultfd", wf = "wiped on fork", mt = "tags",
        zz = "not known %('zz'%)" } do
        it("forbids it: " .. flag, function()
            local list, why = of(whole(flag))
            assert.is_nil(list)
            assert.matches(words, why)
        end)
    end

    it("forbids it: a protection key", function()
        assert.matches("protection key", select(2, of(whole("", 3))), 1, true)
    end)

    it("does not matter elsewhere", function()
        assert.is_table(of(whole("sd hg"), mapping(5 * HUGE, 6 * HUGE, "sl")))
    end)
end)

describe("what it can be given", function()
    it("is listed, for the range alone", function()
        assert.same({ { start = range.start, stop = range.stop, given = { dc = true, dd = true } } },
            of(whole("dd dc")))
    end)

    it("may end between huge pages, and not within one", function()
        local list = of(mapping(2 * HUGE, 3 * HUGE, "dc"), mapping(3 * HUGE, 4 * HUGE, ""))
        assert.same({ 3 * HUGE, true }, { list[1].stop, list[1].given.dc })
        local none, why = of(mapping(2 * HUGE, 3 * HUGE + PAGE, "dc"), mapping(3 * HUGE + PAGE, 4 * HUGE, ""))
        assert.is_nil(none)
        assert.matches("only a part", why, 1, true)
    end)

    it("leaves the gaps of locked text open", function()
        local list <const> = { mapping(2 * HUGE + PAGE, 3 * HUGE, "lo"), mapping(3 * HUGE, 4 * HUGE, "lo") }
        assert.same({ start = 3 * HUGE, stop = 4 * HUGE }, properties.without_gaps(range, list, HUGE))
        assert.matches("gaps", select(2, properties.of(target, range, host, list)), 1, true)
        local unlocked <const> = { mapping(2 * HUGE + PAGE, 4 * HUGE, "") }
        assert.equal(range, properties.without_gaps(range, unlocked, HUGE))
    end)

    it("is given by system calls, and what cannot be is told", function()
        local calls = {}
        local quiet = { call = function(name, start, size)
            calls[#calls + 1] = ("%s %x %x"):format(name, start, size)
            if name == "mlock" then return nil, "no" end
            return 0
        end }
        local stretch = { start = HUGE, stop = 2 * HUGE, given = { dc = true, lo = true } }
        local ok, why = properties.give(quiet, { stretch })
        assert.is_nil(ok)
        assert.matches("not locked in memory any more: no", why, 1, true)
        assert.same({ "madvise 200000 200000", "mlock 200000 200000" }, calls)
    end)
end)
