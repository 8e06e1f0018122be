-- SPDX-License-Identifier: Apache-2.0
-- Rounding and plan checking, on descriptions alone: no process is needed.

local validate = require "tiexec.plan.validate"
local planner = require "tiexec.planner"
local support = require "tests.lib.support"

local MIB <const> = 1 << 20
local host = { page_size = 4096, huge_page_size = 2 * MIB }

-- A description from a picture: "start stop kind [object]", object A unless said.
local function describe_inferior(lines, heap, stack)
    local objects, mappings = {}, {}
    for line in lines:gmatch("[^\n]+") do
        local start, stop, kind, name = line:match("(%x+) (%x+) (%S+) ?(%S*)")
        local of_object = kind ~= "anonymous" and kind ~= "heap" and kind ~= "vdso"
        local object
        if of_object then
            name = name ~= "" and name or "A"
            objects[name] = objects[name] or { path = name, mappings = {} }
            object = objects[name]
        end
        mappings[#mappings + 1] = {
            start = tonumber(start, 16), stop = tonumber(stop, 16), kind = kind, object = object,
            path = object and object.path or "",
            perms = (kind == "text" or kind == "settled" or kind == "vdso") and "r-xp" or "r--p",
        }
    end
    return { stage = "entry", mappings = mappings, heap = heap, stack = stack }
end

-- A plan as text: "remap 400000-e00000" or "keep 1000-2000: reason".
local function plan_text(inferior, round)
    local lines = {}
    for _, operation in ipairs(planner.plan_texts(inferior, host, round)) do
        local why = operation.reason or operation.note
        lines[#lines + 1] = ("%s %x-%x%s"):format(operation.op, operation.start, operation.stop,
            why and ": " .. why or "")
    end
    return lines
end

describe("rounding", function()
    it("takes the original prototype's case both ways", function()
        local inferior = describe_inferior "5ff000 c10000 text"
        assert.same({ "remap 600000-c00000" }, plan_text(inferior, planner.inward))
        assert.same({ "remap 400000-e00000" }, plan_text(inferior, planner.outward))
    end)

    it("outward takes in gaps and read-only neighbours of the same object", function()
        local inferior = describe_inferior [[
            400000 5ff000 rodata
            5ff000 c10000 text
            c10000 c20000 guard
            c30000 c40000 rodata
            1000000 1001000 data]]
        assert.same({ "remap 400000-e00000" }, plan_text(inferior, planner.outward))
    end)

    it("outward falls back at the end where something is in the way, and names it", function()
        local text = "5ff000 c10000 text\n"
        local function expect(what, line, heap, stack)
            assert.same({ "remap 400000-c00000: its end stays on small pages: a huge page would take in " .. what },
                plan_text(describe_inferior(text .. line, heap, stack), planner.outward))
        end
        expect("its own writable data at 0xc20000", "c20000 c21000 data")
        expect("its own relocated data (RELRO) at 0xc20000", "c20000 c21000 relro")
        expect("B at 0xc20000", "c20000 c21000 rodata B")
        expect("anonymous memory at 0xdff000", "dff000 e00000 anonymous")
        expect("the room that the heap grows into", "", { start = 0xd00000, stop = 0x2000000 })
        expect("the room that the stack grows into", "", nil, { start = 0xd00000, stop = 0x2000000 })
        assert.same({ "remap 600000-e00000: its beginning stays on small pages: "
            .. "a huge page would take in its own writable data at 0x500000" },
            plan_text(describe_inferior("500000 501000 data\n" .. text), planner.outward))
    end)

    it("at the stage dlopen stays within what dlclose unmaps", function()
        local inferior = describe_inferior "500000 5ff000 rodata\n5ff000 c10000 text"
        local object = inferior.mappings[1].object
        local at_end = "remap 600000-c00000: both ends stay on small pages: huge pages would take in "
            .. "the end of the library, which dlclose unmaps below it, and the end of the library, which dlclose "
            .. "unmaps above it"
        object.span = { start = 0x500000, stop = 0xc11000 }
        assert.same({ "remap 400000-e00000" }, plan_text(inferior, planner.outward))
        inferior.stage = "dlopen"
        assert.same({ at_end }, plan_text(inferior, planner.outward))
        local _, refused = validate.check({ { op = "remap", start = 0x400000, stop = 0xc00000 } }, inferior, host)
        assert.equal("it takes in the end of the library, which dlclose unmaps", refused[1].reason)
        object.span = { start = 0x3ff000, stop = 0xe00000 }
        assert.same({ "remap 400000-e00000" }, plan_text(inferior, planner.outward))
    end)

    it("keeps what was dealt with at an earlier stage", function()
        assert.same({ "keep 400000-800000: it was dealt with before", "remap c00000-1000000" },
            plan_text(describe_inferior "400000 800000 settled B\nc00000 1000000 text", planner.outward))
    end)

    it("joins texts of one object that meet, and never two objects", function()
        assert.same({ "remap 400000-c00000" }, plan_text(describe_inferior [[
            400000 600000 text
            601000 a00000 text
            a01000 a02000 text]], planner.outward))
        assert.same({ "remap 400000-800000", "remap 800000-c00000" }, plan_text(describe_inferior [[
            400000 800000 text A
            800000 c00000 text B]], planner.outward))
    end)

    it("keeps what is not worth it, or not text of a file, with a reason", function()
        assert.same({
            "keep 401000-402000: only 4 KiB of text: too little to be worth a huge page",
            "keep 7ff000-801000: it is the kernel's own, and tiny: nothing to do",
        }, plan_text(describe_inferior "401000 402000 text\n7ff000 801000 vdso", planner.outward))
        assert.same({ "keep 401000-500000: it has no whole 2 MiB page inside (--strategy aggressive rounds outward)" },
            plan_text(describe_inferior "401000 500000 text", planner.inward))
    end)

    it("works with huge pages of any size", function()
        local inferior = describe_inferior "25ff000 6c10000 text"
        local big = { page_size = 16384, huge_page_size = 32 * MIB }
        assert.same({ 64 * MIB, 96 * MIB }, { planner.inward(inferior, big, inferior.mappings[1]) })
        assert.same({ 32 * MIB, 128 * MIB }, { planner.outward(inferior, big, inferior.mappings[1]) })
    end)

    it("never takes in what it must not, whatever the layout", function()
        local seed = 20240501
        local function random(n)
            seed = (seed * 1103515245 + 12345) & 0x7fffffff
            return seed // 65536 % n
        end
        local kinds = { "text", "rodata", "data", "relro", "guard", "anonymous", "text B", "data B", "heap" }
        for _ = 1, 2000 do
            local lines, at = {}, 0x400000
            for _ = 1, 3 + random(12) do
                at = at + random(3) * random(400) * 4096
                local size = (1 + random(700)) * 4096
                lines[#lines + 1] = ("%x %x %s"):format(at, at + size, kinds[1 + random(#kinds)])
                at = at + size
            end
            local inferior = describe_inferior(table.concat(lines, "\n"))
            local operations = planner.plan_texts(inferior, host, planner.outward)
            for _, operation in ipairs(operations) do
                for _, m in ipairs(inferior.mappings) do
                    if operation.op == "remap" and m.start < operation.stop and operation.start < m.stop then
                        assert.equal(operation.object, m.path)
                        assert.is_true(m.kind == "text" or m.kind == "rodata" or m.kind == "guard", m.kind)
                    end
                end
            end
            local _, refused = validate.check(operations, inferior, host)
            assert.same({}, refused)
        end
    end)
end)

describe("a plan", function()
    local inferior = describe_inferior [[
        400000 a00000 text
        b00000 b01000 data
        1000000 1400000 text B]]

    local function refusal(operation)
        local accepted, refused = validate.check({ operation }, inferior, host)
        assert.same({}, accepted)
        return refused[1].reason
    end

    it("is accepted as it should be, with its object filled in", function()
        local accepted, refused = validate.check({
            { op = "remap", start = 0x400000, stop = 0x600000, sources = { "thp" } },
            { op = "keep", start = 0x1000, stop = 0x2000, reason = "because" },
        }, inferior, host)
        assert.same({}, refused)
        assert.equal(2, #accepted)
        assert.equal("A", accepted[1].object)
    end)

    it("is refused operation by operation, by name, with the reason", function()
        local ok = { op = "remap", start = 0x400000, stop = 0x600000 }
        local function with(changes)
            local operation = {}
            for key, value in pairs(ok) do operation[key] = value end
            for key, value in pairs(changes) do operation[key] = value end
            return refusal(operation)
        end
        assert.matches("unknown op", with { op = "move" })
        assert.matches("unknown key 'colour'", with { colour = "red" })
        assert.matches("start is a number, not a integer", with { start = 4194304.0 })
        assert.matches("start is a string", with { start = "0x400000" })
        assert.matches("below stop", with { stop = 0x400000 })
        assert.matches("below stop", with { start = -0x200000 })
        assert.matches("not aligned to 2 MiB", with { start = 0x401000 })
        assert.matches("takes in its own writable data at 0xb00000", with { start = 0x400000, stop = 0xc00000 })
        assert.matches("no text of an object", with { start = 0xc00000, stop = 0xe00000 })
        assert.matches("unknown source 'gold'", with { sources = { "gold" } })
        assert.matches("list of sources is empty", with { sources = {} })
        assert.matches("needed", refusal { op = "remap", start = 0x400000 })
        local _, refused = validate.check({ ok, { op = "remap", start = 0x400000, stop = 0x800000 } }, inferior, host)
        assert.equal("operation 2, 0x400000-0x800000", refused[1].name)
        assert.matches("overlaps 0x400000%-0x600000", refused[1].reason)
    end)

    it("that is none is refused as a whole", function()
        for _, nonsense in ipairs { 1, "plan", false, { 1, 2 }, { a = 1 }, { [1] = {}, [5] = {} } } do
            local accepted, why = validate.check(nonsense, inferior, host)
            assert.is_nil(accepted)
            assert.is_string(why)
        end
        assert.is_nil((validate.check(nil, inferior, host)))
    end)
end)

describe("the strategies", function()
    local strategy = require "tiexec.plan.strategy"

    it("of tiexec load by name, are short, and open with what they show", function()
        for _, name in ipairs { "aggressive", "conservative", "none" } do
            local text = support.read_file("scripts/strategies/" .. name .. ".lua")
            assert.matches("^%-%- " .. name:sub(1, 1):upper() .. name:sub(2) .. ": ", text)
            local _, lines = text:gsub("\n", "")
            assert.is_true(lines <= 40)
            assert.equal(name, assert(strategy.load(name)).name)
        end
    end)

    it("plan from descriptions alone, and cannot change what is checked", function()
        local inferior = describe_inferior "5ff000 c10000 text"
        local folder <close> = support.folder()
        support.write_file(folder.path .. "/wicked.lua", [[
            return { plan = function(inferior)
                inferior.mappings[1].stop = 0x2000000
                return { { op = "remap", start = 0x1000000, stop = 0x1200000 } }
            end }]])
        local wicked = assert(strategy.load(folder.path .. "/wicked.lua"))
        local accepted, refused = strategy.make_plan(wicked, inferior, host, {})
        assert.same({}, accepted, refused)
        assert.matches("no text", refused[1].reason)
        assert.same({}, (strategy.make_plan(assert(strategy.load("none")), inferior, host, {})))
    end)
end)
