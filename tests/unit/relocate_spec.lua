-- SPDX-License-Identifier: Apache-2.0
-- A program is moved to a congruent base, with a failure at each step. Either it is moved and runs right, or nothing
-- is changed and it runs right.

local congruent = require "tiexec.plan.congruent"
local relocate = require "tiexec.start.relocate"
local core = require "tiexec.core"
local images = require "tiexec.harness.images"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local c = core.constants
local host = core.host()
local HUGE <const> = host.huge_page_size

-- All that a move may change: the mappings, the registers, the kernel's figures and both vectors.
-- Bit 1 of eflags is always set, but Linux before 6.9 starts a program with a picture in which it is not.
local function picture(inferior)
    local lines = {}
    for _, m in ipairs(inferior:mappings(true)) do
        lines[#lines + 1] = ("%x-%x %s %x %s %s"):format(m.start, m.stop, m.perms, m.offset, m.path, m.vm_flags)
    end
    local sp = inferior:read_register("sp")
    lines[#lines + 1] = inferior:read_memory(sp, 4096)
    lines[#lines + 1] = support.read_file(("/proc/%d/auxv"):format(inferior:pid()))
    local stat = support.read_file(("/proc/%d/stat"):format(inferior:pid()))
    local fields = {}
    for field in stat:match("%) (.*)"):gmatch("%S+") do fields[#fields + 1] = field end
    lines[#lines + 1] = table.concat({ fields[24], fields[25], table.concat(fields, " ", 43, 49) }, " ")
    for name, value in pairs(inferior:registers()) do
        if name == "eflags" then value = value | 2 end
        lines[#lines + 1] = name .. "=" .. value
    end
    table.sort(lines)
    return lines
end

-- An inferior whose nth step fails: `steps` names the methods that are counted.
local function failing(inferior, steps, n)
    local count = 0
    return setmetatable({}, { __index = function(_, name)
        if name == "remote_open" then return inferior[name] end -- made of others: with this one as self
        return function(_, ...)
            if steps[name] then
                count = count + 1
                if count == n then return nil, name .. ": made to fail", c.ENOMEM end
            end
            return inferior[name](inferior, ...)
        end
    end }), function() return count end
end

local function wanted_of(inferior)
    return congruent.wanted(inferior, images.of(("/proc/%d/exe"):format(inferior:pid())))
end

-- Gives a program whose base is not congruent. One in 512 random bases is, and then another program is started.
local function launch(program)
    local inferior = assert(tiexec.launch { program, "quiet" })
    local wanted = wanted_of(inferior)
    if wanted then return inferior, wanted end
    inferior:close()
    return launch(program)
end

local function runs_right(inferior)
    inferior:cont()
    local event = inferior:wait()
    while not event.reason:find("^exited") do
        inferior:cont()
        event = inferior:wait()
    end
    return event.exit_code == 0
end

for _, name in ipairs { "moved", "moved-static-small" } do
    describe("moving " .. name, function()
        local program = support.programs .. name

        it("makes its text congruent, with the same bytes everywhere", function()
            local inferior <close>, wanted = launch(program)
            local before = {}
            for _, m in ipairs(inferior:mappings()) do
                if m.path:find(name, 1, true) then
                    before[m.start] = { size = m.stop - m.start, perms = m.perms, offset = m.offset, path = m.path,
                        bytes = inferior:read_memory(m.start, m.stop - m.start) }
                end
            end
            assert(relocate.move(inferior, wanted, inferior:mappings()))
            local after = {}
            for _, m in ipairs(inferior:mappings()) do
                if m.path:find(name, 1, true) then
                    after[m.start + wanted.distance] = { size = m.stop - m.start, perms = m.perms, offset = m.offset,
                        path = m.path, bytes = inferior:read_memory(m.start, m.stop - m.start) }
                end
            end
            assert.is_true(next(before) ~= nil)
            for start, was in pairs(before) do
                assert.is_true(was.bytes == after[start].bytes)
                was.bytes, after[start].bytes = nil, nil
            end
            assert.same(before, after)
            local text = support.largest_text(inferior)
            assert.equal(0, (text.start - text.offset) & (HUGE - 1))
            assert.is_nil(wanted_of(inferior))
            assert.is_true(runs_right(inferior))
        end)

        for _, steps in ipairs { { remote_syscall = true }, { write_memory = true }, { read_memory = true } } do
            it("undoes itself when " .. next(steps) .. " fails, whichever it is", function()
                local n, failed, tried = 0, 0
                repeat
                    n = n + 1
                    local inferior <close>, wanted = launch(program)
                    local before = picture(inferior)
                    local proxy, count = failing(inferior, steps, n)
                    if not relocate.move(proxy, wanted, inferior:mappings()) then
                        failed = failed + 1
                        assert.same(before, picture(inferior), "step " .. n)
                    end
                    assert.is_true(runs_right(inferior))
                    tried = count()
                until n > tried -- nothing was left to fail
                assert.is_true(failed > 0)
            end)
        end
    end)
end

describe("the distance of a move", function()
    local function image(changes)
        local result = { type = c.ET_DYN, segments = {
            { type = c.PT_LOAD, flags = c.PF_R, vaddr = 0, offset = 0, filesz = 0x1000,
                memsz = 0x1000, align = 0x1000 },
            { type = c.PT_LOAD, flags = c.PF_R | c.PF_X, vaddr = 0x1000, offset = 0x1000, filesz = 0x600000,
                memsz = 0x600000, align = 0x1000 },
        } }
        for key, value in pairs(changes or {}) do result[key] = value end
        return result
    end

    it("is as little as leaves no overlap and makes the text congruent", function()
        local bias = 0x555555554000
        local distance = congruent.distance(image(), bias, host)
        assert.equal(0, (bias - distance) & (HUGE - 1))
        assert.is_true(distance >= 0x601000 and distance < 0x601000 + 2 * HUGE)
    end)

    it("is none where the text is congruent, fixed, or hardly any", function()
        assert.is_nil(congruent.distance(image(), 0x555555600000, host))
        assert.is_nil(congruent.distance(image { type = c.ET_EXEC }, 0x555555554000, host))
        local small = image()
        small.segments[2].filesz = 0x1000
        assert.is_nil(congruent.distance(small, 0x555555554000, host))
    end)

    it("keeps a stricter alignment that the file asks for", function()
        local strict = image()
        for _, segment in ipairs(strict.segments) do segment.align = 0x10000 end
        local distance = congruent.distance(strict, 0x555555550000, host)
        assert.equal(0, distance & 0xffff)
        assert.is_nil(congruent.distance(strict, 0x555555554000, host))
    end)

    it("goes by the text of an object whose addresses and offsets differ", function()
        local lld = image()
        lld.segments[2].vaddr = 0x2000
        local bias = 0x555555554000
        local distance = congruent.distance(lld, bias, host)
        assert.equal(0, (bias - distance + 0x2000 - 0x1000) & (HUGE - 1))
    end)
end)
