-- SPDX-License-Identifier: Apache-2.0
-- The strategy hot, on descriptions and recordings alone.

local hot = dofile "scripts/strategies/hot.lua"

local HUGE <const> = 2 << 20
local host = { page_size = 4096, huge_page_size = HUGE }

-- A description of an object whose text begins at 0x400000 and, of the file, at 0.
local function describe_inferior(size, build_id)
    local object = { path = "/bin/a", build_id = build_id }
    local mappings = {
        { start = 0x400000, stop = 0x400000 + size, offset = 0, kind = "text", perms = "r-xp", path = "/bin/a",
            object = object },
        { start = 0x400000 + size, stop = 0x401000 + size, offset = size, kind = "data", perms = "rw-p",
            path = "/bin/a", object = object },
        { start = 0x7f0000000000, stop = 0x7f0000001000, offset = 0, kind = "text", perms = "r-xp", path = "/lib/b",
            object = { path = "/lib/b" } },
    }
    object.mappings = { mappings[1], mappings[2] }
    return { stage = "entry", mappings = mappings, executable = object }
end

-- The plan, as lines; `heat` has samples by the numbers of huge pages.
local function plan(heat, most, changes)
    local pages, samples = {}, 0
    for number, count in pairs(heat) do
        pages[number * 512 + 3], samples = count, samples + count
    end
    local recording = { executable = "/bin/a", samples = samples,
        objects = { { path = "/bin/a", build_id = "aa", samples = samples, pages = pages } } }
    for key, value in pairs(changes or {}) do recording.objects[1][key] = value end
    local lines = {}
    for _, operation in ipairs(hot.plan(describe_inferior(8 * HUGE, "aa"), host,
        { recording = recording, max_pages = most })) do
        lines[#lines + 1] = ("%s %x-%x%s"):format(operation.op, operation.start, operation.stop,
            operation.note and ": " .. operation.note or "")
    end
    return lines
end

local KEPT <const> = "keep 7f0000000000-7f0000001000"

describe("hot", function()
    it("takes the huge pages with samples, the hottest first, and joins neighbours", function()
        assert.same({ "remap a00000-c00000: 4 huge pages, which have 100.0 % of the samples", "remap 400000-800000",
            "remap e00000-1000000", KEPT }, plan { [0] = 30, [1] = 5, [3] = 60, [5] = 5 })
    end)

    it("takes no more than it may", function()
        assert.same({ "remap a00000-c00000: 1 huge pages, which have 60.0 % of the samples", KEPT },
            plan({ [0] = 30, [1] = 5, [3] = 60, [5] = 5 }, 1))
    end)

    it("takes the number of pages as a parameter, before that of all strategies", function()
        local description = describe_inferior(8 * HUGE, "aa")
        local pages = { [3] = 30, [512 * 3] = 60 }
        local recording = { executable = "/bin/a", samples = 90,
            objects = { { path = "/bin/a", samples = 90, pages = pages } } }
        local function remaps(options)
            options.recording = recording
            local count = 0
            for _, operation in ipairs(hot.plan(description, host, options)) do
                count = count + (operation.op == "remap" and 1 or 0)
            end
            return count
        end
        assert.equal(2, remaps {})
        assert.equal(1, remaps { max_pages = 1 })
        assert.equal(1, remaps { max_pages = 2, parameters = { ["max-pages"] = 1 } })
        assert.equal(2, remaps { max_pages = 1, parameters = { ["max-pages"] = 2 } })
    end)

    it("leaves what is cold", function()
        assert.same({ "remap 400000-600000: 1 huge pages, which have 100.0 % of the samples", KEPT },
            plan { [0] = 99999, [4] = 1 })
    end)

    it("leaves an end that has something writable in it", function()
        local lines = plan { [0] = 10, [8] = 90 } -- the data, which is no text
        assert.same({ "remap 400000-600000: 1 huge pages, which have 10.0 % of the samples", KEPT }, lines)
    end)

    it("does nothing by samples of another build", function()
        assert.same({ "keep 400000-1400000", KEPT }, plan({ [0] = 10 }, nil, { build_id = "bb" }))
    end)

    it("acts as aggressive without a recording", function()
        local aggressive = dofile "scripts/strategies/aggressive.lua"
        local description = describe_inferior(8 * HUGE + 4096)
        assert.same(aggressive.plan(description, host), hot.plan(description, host, {}))
    end)
end)
