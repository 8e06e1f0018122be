-- SPDX-License-Identifier: Apache-2.0
-- Many starts of a position-independent executable at random bases: all are right, and the bases are as
-- random as the kernel's own, less the bits of the alignment. `make soak` makes 10,000 starts of it.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local HUGE <const> = core.host().huge_page_size
local STARTS <const> = math.tointeger(os.getenv("TIEXEC_SOAK") or support.patience > 1 and 60 or 200)
local SIGMAS <const> = 7 -- of a fair coin's: more is not seen in 10^11 runs
local PROGRAM <const> = support.programs .. "moved"

-- The lowest bit of a base that is the kernel's choice. The bits below follow from the alignment of segments.
local LOWEST_BIT = 12
for _, segment in ipairs(core.image(PROGRAM).segments) do
    while segment.type == core.constants.PT_LOAD and 1 << LOWEST_BIT < segment.align do LOWEST_BIT = LOWEST_BIT + 1 end
end

-- The bases of `STARTS` starts, each of which has told that it is right.
local function bases(tracer)
    local result = support.shell(("i=0; while [ $i -lt %d ]; do %s %s quick || echo status $?; i=$((i+1)); done")
        :format(STARTS, tracer, PROGRAM))
    local list = {}
    for line in result.out:gmatch("[^\n]+") do
        list[#list + 1] = assert(math.tointeger(line:match("^right (0x%x+) %x+$")), line)
    end
    assert(result.err == "" and #list == STARTS, result.err)
    return list
end

-- The bits that are one as often as a fair coin shows heads: position → true.
local function fair_bits(list)
    local fair = {}
    for bit = LOWEST_BIT, 46 do
        local ones = 0
        for _, base in ipairs(list) do ones = ones + (base >> bit & 1) end
        fair[bit] = math.abs(ones - #list / 2) <= SIGMAS * math.sqrt(#list) / 2 or nil
    end
    return fair
end

-- Pairs of starts with the same base.
local function pairs_alike(list)
    local seen, count = {}, 0
    for _, base in ipairs(list) do
        count = count + (seen[base] or 0)
        seen[base] = (seen[base] or 0) + 1
    end
    return count, seen
end

local function note(name, list)
    if not os.getenv("TIEXEC_SOAK") then return end
    local alike, seen = pairs_alike(list)
    local fair, distinct = {}, 0
    for _ in pairs(seen) do distinct = distinct + 1 end
    for bit in pairs(fair_bits(list)) do fair[#fair + 1] = bit end
    table.sort(fair)
    local entropy = alike > 0 and ("%.1f bits"):format(math.log(#list * (#list - 1) / 2 / alike, 2)) or "not measurable"
    io.stderr:write(("\n%s: %d starts, %d bases, %d pairs alike (entropy by these: %s), fair bits %d-%d (%d)\n")
        :format(name, #list, distinct, alike, entropy, fair[1], fair[#fair], #fair))
end

describe("the bases of many starts", function()
    it("are right, congruent, and random in all bits but those of the alignment", function()
        local plain, moved = bases(""), bases(support.tiexec)
        note("plain", plain)
        note("moved", moved)
        local plain_bits, moved_bits = fair_bits(plain), fair_bits(moved)
        local random_bits = math.tointeger(tonumber(support.read_file("/proc/sys/vm/mmap_rnd_bits"))) or 0
        for _, base in ipairs(moved) do assert.equal(0, base & (HUGE - 1)) end
        local page_bits = 12
        while 1 << page_bits < core.page_size() do page_bits = page_bits + 1 end
        for bit = LOWEST_BIT, page_bits + random_bits - 1 do
            assert.is_true(plain_bits[bit], "plain, bit " .. bit)
            if 1 << bit >= HUGE then assert.is_true(moved_bits[bit], "moved, bit " .. bit) end
        end
        -- of n random bases of b bits, n²/2^(b+1) pairs are alike, give or take the root of that
        local places = (1 << random_bits + page_bits) // HUGE
        local expected = #moved * (#moved - 1) / 2 / places
        local alike = pairs_alike(moved)
        assert.is_true(alike <= expected + SIGMAS * math.sqrt(expected) + 3)
    end)
end)
