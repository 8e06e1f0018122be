-- SPDX-License-Identifier: Apache-2.0
-- --compare --attach on servers at work: their text is switched 20 times and more, and each request is answered, and
-- rightly. What slows one state down is found.

local json = require "dkjson"
local loads = require "tests.lib.loads"
local support = require "tests.lib.support"

local SWITCHES <const>, TRIES <const> = 20, 3

local mode
setup(function() mode = support.thp("madvise") end)
teardown(function() if mode then getmetatable(mode).__close() end end)

-- Compares the process of a load with itself; gives what was found.
local function compare(load, seconds)
    local result = support.run_tiexec { "--compare", "--json", "--sources", "thp", "--seconds", tostring(seconds),
        "--metric", load.metric, "--attach", tostring(load.pid) }
    assert.equal("", result.err)
    assert.equal(0, result.code)
    return assert(json.decode(result.out))
end

-- How often the state of the text has changed from the first block to the last, and before it from small pages.
local function switches_of(found)
    local blocks, count, state = {}, 0, "small"
    for _, pair in ipairs(found.blocks) do
        for name, block in pairs(pair) do blocks[#blocks + 1] = { state = name, at = block.before.at } end
    end
    table.sort(blocks, function(a, b) return a.at < b.at end)
    for _, block in ipairs(blocks) do
        if block.state ~= state then count, state = count + 1, block.state end
    end
    return count
end

describe("--compare --attach under load:", function()
    for _, name in ipairs { "postgres", "prometheus", "node" } do
        it(("%s answers each request through %d switches"):format(name, SWITCHES), function()
            if not mode then return pending("the THP mode cannot be set: not root?") end
            local load <close>, why = loads.start(name, 120)
            if not load then return pending(why) end
            local switches, least = 0, math.huge
            while switches < SWITCHES do
                local found = compare(load, 6)
                switches, least = switches + switches_of(found), math.min(least, found.huge)
                assert.equal("small", found.left)
                assert.truthy(found.quantities["CPU time per unit"], "the metric does not count")
            end
            assert.is_true(least > 4 << 20)
            assert.is_true(load.asking:is_alive()) -- all of that was under load
            local ended = load:finish()
            assert.equal(0, ended.failed, ended.said)
            assert.is_true(ended.answered > 100, ended.said)
        end)
    end

    -- How well that can be told depends on what else the host does: so another try is allowed.
    it("15 % more work of node in one state are found", function()
        if not mode then return pending("the THP mode cannot be set: not root?") end
        local load <close>, why = loads.start("node", 600, { "SLOW=15" })
        if not load then return pending(why) end
        local found, unit
        local tries = 0
        repeat
            found, tries = compare(load, 20), tries + 1
            unit = found.quantities["CPU time per unit"].comparison
            assert.not_equal("less", unit.verdict)
        until unit.verdict == "more" or tries == TRIES
        assert.equal(0, load:finish().failed)
        local is_held = unit.low < 1.15 and 1.15 < unit.high
        local is_busy = table.concat(found.notes, "\n"):find("the host was busy", 1, true)
        if unit.verdict == "same" and is_held and is_busy then
            return pending("other work took too much of the host to tell 15 %")
        end
        assert.equal("more", unit.verdict, ("%.3f (%.3f to %.3f)"):format(unit.ratio, unit.low, unit.high))
        assert.is_true(unit.ratio > 1.05 and unit.ratio < 1.4, tostring(unit.ratio))
    end)
end)
