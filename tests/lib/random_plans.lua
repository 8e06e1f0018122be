-- SPDX-License-Identifier: Apache-2.0
-- For the specs of random plans: each is carried out in a program stopped at its entry. What the executor leaves
-- is compared with what was there before, by tests/programs/memdump.c and /proc/PID/maps.

local assert = require "luassert"
local busted = require "busted"
local core = require "tiexec.core"
local descriptions = require "tiexec.plan.descriptions"
local hosts = require "tiexec.harness.hosts"
local elf = require "tests.lib.elf"
local garbage_plans = require "tests.lib.garbage_plans"
local executor = require "tiexec.remap.executor"
local validate = require "tiexec.plan.validate"
local planner = require "tiexec.planner"
local specimen = require "tests.lib.specimen"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local random_plans = {}

local describe, it, setup, teardown = busted.describe, busted.it, busted.setup, busted.teardown
local HUGE <const> = elf.huge

-- A generator of its own, so that a seed gives the same plan wherever it is used.
local function generator(seed)
    math.randomseed(seed, 0)
    return math.random
end

local Target = {}
Target.__index = Target

function Target:__close()
    if not self.detached then self.inferior:kill() end
    self.inferior:close()
    core.syscall("wait4", self.pid, 0, 0, 0)
end

--- Starts a program and stops it at its entry; its output goes to `out`. To be closed.
function random_plans.launch(program, out)
    -- rseq is off: with it the kernel itself writes to the memory of a thread that changes its CPU
    local words = specimen.words(program)
    table.insert(words, 2, "GLIBC_TUNABLES=glibc.pthread.rseq=0")
    local inferior = assert(tiexec.launch { "/bin/sh", "-c", ("exec %s <%s >%s"):format(
        support.quote(words), program.input or "/dev/null", out) })
    local target = setmetatable({ inferior = inferior, pid = inferior:pid() }, Target)
    while core.readlink(("/proc/%d/exe"):format(target.pid)) ~= program.words[1] do
        assert(inferior:cont())
        local event = assert(inferior:wait(20000))
        assert(not event.reason:find("^exited"), "it ended before its entry")
    end
    local address = inferior:auxv().AT_ENTRY
    if inferior:read_register("pc") ~= address then
        local point = assert(inferior:breakpoint(address))
        repeat
            assert(inferior:cont())
            local event = assert(inferior:wait(20000))
            assert(not event.reason:find("^exited"), "it ended before its entry")
        until event.reason == "breakpoint-hit"
        assert(point:delete())
    end
    assert(inferior:interrupt())
    return target
end

--- Lets it go and gives what became of it: its wait status, from /proc.
function Target:finish()
    assert(self.inferior:detach())
    self.detached = true
    return support.wait_for(function()
        local state, rest = (support.read_file(("/proc/%d/stat"):format(self.pid)) or ""):match("%) (%a) (.*)$")
        return state == "Z" and tonumber(rest:match("(%d+)%s*$"))
    end, 90)
end

--- What is in each of some ranges: list of "start-stop hash", or "start-stop zero".
function Target:bytes(ranges)
    local folder <close> = support.folder()
    local lines = {}
    for i, range in ipairs(ranges) do lines[i] = ("%x-%x\n"):format(range.start, range.stop) end
    support.write_file(folder.path .. "/ranges", table.concat(lines))
    local result = support.shell(("%smemdump %d <%s/ranges"):format(support.programs, self.pid, folder.path))
    assert(result.code == 0, result.err)
    local list = {}
    for line in result.out:gmatch("[^\n]+") do list[#list + 1] = line end
    assert(#list == #ranges)
    return list
end

--- The parts of `ranges` that lie outside all of `holes`. Each keeps its other fields.
function random_plans.outside(ranges, holes)
    local list = {}
    for _, range in ipairs(ranges) do
        local parts = { { start = range.start, stop = range.stop } }
        for _, hole in ipairs(holes) do
            local rest = {}
            for _, part in ipairs(parts) do
                local below = { start = part.start, stop = math.min(part.stop, hole.start) }
                local above = { start = math.max(part.start, hole.stop), stop = part.stop }
                if hole.stop <= part.start or hole.start >= part.stop then
                    rest[#rest + 1] = part
                else
                    if below.start < below.stop then rest[#rest + 1] = below end
                    if above.start < above.stop then rest[#rest + 1] = above end
                end
            end
            parts = rest
        end
        for _, part in ipairs(parts) do
            list[#list + 1] = { start = part.start, stop = part.stop, mapping = range }
        end
    end
    return list
end

--- Mappings outside some ranges, as lines: addresses, permissions, file and place in it.
function random_plans.picture(maps, holes)
    local lines = {}
    for _, part in ipairs(random_plans.outside(maps, holes)) do
        local mapping = part.mapping
        local offset = mapping.path:sub(1, 1) == "/" and mapping.offset + part.start - mapping.start or 0
        lines[#lines + 1] = ("%x-%x %s %x %s"):format(part.start, part.stop, mapping.perms, offset, mapping.path)
    end
    return lines
end

local source_lists <const> = { { "thp" }, { "hugetlb" }, { "thp", "hugetlb" }, { "hugetlb", "thp" } }

-- The ranges that rounding gives.
local function ranges_of(view, host, round)
    local list = {}
    for _, operation in ipairs(planner.plan_texts(view, host, round)) do
        if operation.op == "remap" then list[#list + 1] = operation end
    end
    return list
end

--- A random valid plan: some of the ranges that rounding gives, or a part of each, in any order.
-- @treturn table operations
-- @treturn table names of sources
function random_plans.make(view, host, seed)
    local random = generator(seed)
    local ranges = ranges_of(view, host, random(3) > 1 and planner.outward or planner.inward)
    if #ranges == 0 then ranges = ranges_of(view, host, planner.outward) end
    local operations = {}
    for i, range in ipairs(ranges) do
        if random(4) > 1 or i == #ranges and #operations == 0 then
            local pages = (range.stop - range.start) // HUGE
            local first = random(3) > 1 and 0 or random(0, pages - 1)
            local last = random(3) > 1 and pages or random(first + 1, pages)
            table.insert(operations, random(#operations + 1), { op = "remap",
                start = range.start + first * HUGE, stop = range.start + last * HUGE,
                sources = random(2) == 1 and source_lists[random(#source_lists)] or nil })
        end
    end
    return operations, source_lists[random(#source_lists)]
end

--- Carries a random plan out and compares. Gives what is wrong, a list of strings; bytes made huge.
function random_plans.try(program, expected, seed)
    local folder <close> = support.folder()
    local out, wrong = folder.path .. "/out", {}
    local target <close> = random_plans.launch(program, out)
    local view = assert(descriptions.of(target.inferior, "entry"))
    local host = hosts.describe()
    local operations, names = random_plans.make(view, host, seed)
    local accepted, refused = validate.check(operations, view, host)
    if #refused > 0 then wrong[1] = ("refused: %s: %s"):format(refused[1].name, refused[1].reason) end

    local before = elf.maps(target.pid)
    local bytes = target:bytes(before)
    local objects = elf.loaded(target.pid)
    local results = executor.run(target.inferior, accepted, names)
    local after = elf.maps(target.pid)
    local changed, huge = {}, 0
    for _, result in ipairs(results) do
        if result.source then
            changed[#changed + 1] = result
            huge = huge + result.stop - result.start
            wrong[#wrong + 1] = elf.written_in(objects, result.start, result.stop)
        end
    end

    local function compare(what, one, other)
        for i = 1, math.max(#one, #other) do
            if one[i] ~= other[i] then
                wrong[#wrong + 1] = ("%s: %s, then %s"):format(what, one[i] or "nothing", other[i] or "nothing")
            end
        end
    end
    compare("bytes", bytes, target:bytes(before))
    compare("mappings", random_plans.picture(before, changed), random_plans.picture(after, changed))
    for _, line in ipairs(target:bytes(random_plans.outside(changed, before))) do
        if not line:find(" zero$") then wrong[#wrong + 1] = "a gap is not zero: " .. line end
    end
    local seen = 0
    for _, mapping in ipairs(support.smaps(target.pid)) do
        if mapping.perms == "r-xp" then seen = seen + elf.copied_bytes(mapping) end
    end
    if seen ~= huge then wrong[#wrong + 1] = ("%d bytes of text are huge, not %d"):format(seen, huge) end

    local status = target:finish()
    if status ~= expected.status then wrong[#wrong + 1] = ("wait status %s, not %d"):format(status, expected.status) end
    if support.read_file(out) ~= expected.out then wrong[#wrong + 1] = "other output" end
    return wrong, huge
end

-- What a program does when it is left alone: `out`, and `status` as wait has it.
local function expectation(program)
    local folder <close> = support.folder()
    local target <close> = random_plans.launch(program, folder.path .. "/out")
    local status = target:finish()
    return { status = status, out = support.read_file(folder.path .. "/out") }
end

-- Calls `f` with the id and the descriptions of a program at its entry, which is ended then.
local function with_target(program, f)
    local folder <close> = support.folder()
    local target <close> = random_plans.launch(program, folder.path .. "/out")
    f(target.pid, assert(descriptions.of(target.inferior, "entry")), hosts.describe())
end

--- Defines the tests of one program, with plans of the seeds 1 to `seeds`.
function random_plans.define(name, make, seeds)
    describe(name, function()
        local program, why, expected
        local sum = 0
        setup(function()
            program, why = make()
            if program then expected = expectation(program) end
        end)
        teardown(function() specimen.dispose(program) end)

        for seed = 1, seeds do
            it(("plan %d: the same bytes, permissions, output and status"):format(seed), function()
                if not program then return support.pending(why) end
                local wrong, huge = random_plans.try(program, expected, seed)
                sum = sum + huge
                assert.same({}, wrong)
            end)
        end

        it("some of the plans made huge pages", function()
            if not program then return support.pending(why) end
            assert.is_true(sum > 0)
        end)

        it("plans that make no sense, or reach for data, are refused", function()
            if not program then return support.pending(why) end
            with_target(program, function(pid, view, host)
                local good = random_plans.make(view, host, seeds)
                assert.is_true(#good > 0)
                assert.same({}, garbage_plans.try(pid, view, host, good, generator(seeds)))
            end)
        end)

        it("ranges are accepted only without writable, RELRO and foreign memory", function()
            if not program then return support.pending(why) end
            with_target(program, function(pid, view, host)
                local wrong, accepted = garbage_plans.try_ranges(pid, view, host, generator(seeds), 1000)
                assert.same({}, wrong)
                assert.is_true(accepted > 0)
            end)
        end)
    end)
end

return random_plans
