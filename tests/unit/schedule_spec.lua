-- SPDX-License-Identifier: Apache-2.0
-- How specs are divided between guests, and which are left for another time.

local support = require "tests.lib.support"

-- What tests/vm/schedule says: the guest of each spec, by name, and the specs in their order.
local function schedule(seconds, ran, specs)
    local folder <close> = support.folder()
    if ran then support.write_file(folder.path .. "/ran", ran) end
    local result = support.run(support.concat({ "tests/vm/schedule", tostring(seconds), folder.path .. "/ran" }, specs))
    assert.same({ 0, "" }, { result.code, result.err })
    local guest, order = {}, {}
    for where, name in result.out:gmatch("(%S+) %d+ (%S+)\n") do
        guest[name] = where
        order[#order + 1] = name
    end
    return guest, order
end

-- Lines of the file that tells when specs last ran: one, two… after each other, with these seconds.
local function history(...)
    local lines = {}
    for i, pair in ipairs { ... } do lines[i] = ("%d %s %s\n"):format(1000 + i, pair[2], pair[1]) end
    return table.concat(lines)
end

local SPECS <const> = { "a", "b", "c", "d" }

describe("specs that are run in guests", function()
    it("are all run when there is no limit, the longest first, shared out evenly", function()
        local guest, order = schedule("all", history({ "a", 10 }, { "b", 40 }, { "c", 30 }, { "d", 20 }), SPECS)
        assert.same({ "b", "c", "d", "a" }, order)
        assert.same({ a = "1", b = "1", c = "2", d = "2" }, guest)
    end)

    it("are all left when there is no time", function()
        assert.same({ a = "left", b = "left", c = "left", d = "left" }, (schedule(0, nil, SPECS)))
    end)

    it("go by how long they have waited, what never ran first", function()
        local _, order = schedule(1000, history({ "c", 1 }, { "a", 5 }, { "d", 3 }), SPECS)
        assert.same({ "b", "c", "a", "d" }, order)
    end)

    it("that do not fit are left, and shorter ones that do are not", function()
        local guest = schedule(40, history({ "a", 20 }, { "b", 20 }, { "c", 100 }, { "d", 4 }), SPECS)
        assert.same({ a = "1", b = "2", c = "left", d = "1" }, guest)
    end)

    it("are reckoned to take longer where others did", function()
        local known = { "tests/program/gdb_spec.lua", "tests/program/perf_spec.lua" } -- 47 and 31 seconds
        assert.equal("1", (schedule(60, nil, { known[2] }))[known[2]])
        assert.equal("left", (schedule(60, history { known[1], 470 }, { known[2] }))[known[2]])
    end)

    it("that need a guest of their own go first, each to another one", function()
        local guest, order = schedule(1000, history({ "a", 1 }, { "x@1", 50 }, { "y@2", 60 }), { "a", "x@1", "y@2" })
        assert.same({ "x@1", "y@2", "a" }, order)
        assert.same({ a = "1", ["x@1"] = "1", ["y@2"] = "2" }, guest)
    end)

    it("are no specs of a wrong use", function()
        assert.equal(2, support.run { "tests/vm/schedule", "soon", "/dev/null" }.code)
        assert.equal(2, support.run { "tests/vm/schedule" }.code)
    end)
end)
