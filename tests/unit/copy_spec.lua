-- SPDX-License-Identifier: Apache-2.0
-- The transaction of the copying sources, with a failure at each of its steps: the range is huge with
-- the same bytes, or it is as it was, and no memory is left behind.

local core = require "tiexec.core"
local copy = require "tiexec.sources.copy"
local targets = require "tiexec.harness.targets"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local c = core.constants
local shape = support.programs .. "shape"
local range <const> = { start = 0x600000, stop = 0xc00000 }

local function launch()
    local inferior = assert(tiexec.launch { shape })
    return inferior, { start = 0x5ff000, stop = 0xc10000 }
end

local function how(changes)
    local result = {
        host = core.host(),
        flags = 0,
        advise = function(target, address, size) return target.call("madvise", address, size, c.MADV_HUGEPAGE) end,
        populate = function() return true end,
    }
    for key, value in pairs(changes or {}) do result[key] = value end
    return result
end

-- The mappings without what a transaction may change: "start-stop perms path".
local function picture(inferior)
    local lines = {}
    for _, m in ipairs(inferior:mappings()) do
        lines[#lines + 1] = ("%x-%x %s %s"):format(m.start, m.stop, m.perms, m.path)
    end
    return lines
end

-- A process whose nth system call fails.
local function failing(target, n)
    local count = 0
    return setmetatable({ call = function(name, ...)
        count = count + 1
        if count == n then return nil, name .. ": made to fail", c.ENOMEM end
        return target.call(name, ...)
    end }, { __index = target }), function() return count end
end

for _, in_place in ipairs { false, true } do
    describe(in_place and "copying in place" or "moving a copy over", function()

        it("leaves the range with the same bytes, executable, and nothing else changed", function()
            local inferior <close>, text = launch()
            local snapshot <close> = assert(inferior:snapshot { text })
            assert(copy.replace(targets.of(inferior), range, how { in_place = in_place }))
            assert.is_true(snapshot:verify())
            local anonymous
            for _, m in ipairs(inferior:mappings()) do
                if m.start == range.start then anonymous = m end
            end
            assert.same({ range.stop, "r-xp", "" }, { anonymous.stop, anonymous.perms, anonymous.path })
            inferior:kill()
            inferior:wait()
        end)

        it("undoes itself when a system call fails, whichever it is", function()
            local n = 0
            local tried
            repeat
                n = n + 1
                local inferior <close>, text = launch()
                local snapshot <close> = assert(inferior:snapshot { text })
                local before = picture(inferior)
                local target, count = failing(targets.of(inferior), n)
                local ok, why = copy.replace(target, range, how { in_place = in_place })
                if not ok then
                    assert.matches("made to fail", why)
                    assert.same(before, picture(inferior), "call " .. n)
                end
                assert.is_true(snapshot:verify())
                tried = count()
                inferior:kill()
                inferior:wait()
            until n > tried -- nothing was left to fail
            assert.is_true(n > 5)
        end)

        it("undoes itself when copying, populating or verifying fails, or raises", function()
            local function fails() return nil, "made to fail" end
            local function raises() error("made to raise") end
            for _, bad in ipairs { fails, raises } do
                for _, where in ipairs { "copy", "populate", "verify" } do
                    local inferior <close>, text = launch()
                    local snapshot <close> = assert(inferior:snapshot { text })
                    local before = picture(inferior)
                    local target = targets.of(inferior)
                    if where == "copy" then target.copy = bad end
                    local changes = { in_place = in_place, [where] = bad }
                    local ran, ok = pcall(copy.replace, target, range, how(changes))
                    assert.is_falsy(ran and ok)
                    assert.same(before, picture(inferior), where)
                    assert.is_true(snapshot:verify())
                    inferior:kill()
                    inferior:wait()
                end
            end
        end)
    end)
end
