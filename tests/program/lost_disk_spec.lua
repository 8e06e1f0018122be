-- SPDX-License-Identifier: Apache-2.0
-- Giving up the old before the new is sure: a disk that fails while a program runs from it. What is cached of the file
-- cannot be had again, so nothing of it is dropped.

local disk = require "tests.lib.disk"
local support = require "tests.lib.support"

local name <const> = "moved-fixed"

local function text_of(pid)
    for _, m in ipairs(support.smaps(pid)) do
        if m.perms == "r-xp" and m.path:find(name, 1, true) then return m end
    end
end

local function bytes_of(pid, m)
    local file <close> = assert(io.open(("/proc/%d/mem"):format(pid), "rb"))
    file:seek("set", m.start)
    return file:read(m.stop - m.start)
end

local function attach(is_lost)
    local here <close>, why = disk.make(name)
    if not here then return nil, why end
    support.shell("cat " .. here.path)
    local process <close> = support.start({ here.path, "wait" })
    assert(support.wait_for(function() return support.has_become(process.pid, here.path) end))
    local text = text_of(process.pid)
    local before = bytes_of(process.pid, text)
    if is_lost then here:lose() end
    local result = support.run_tiexec { "--sources", "file", "--attach", ("%d"):format(process.pid) }
    assert(process:is_alive())
    assert(before == bytes_of(process.pid, text), "other bytes")
    return result, support.huge_text(process.pid)
end

describe("attaching to a program", function()
    it("on a disk that has lost its contents drops nothing, and says why", function()
        local result, why = attach(true)
        if not result then return pending(why) end
        assert.equal(1, result.code)
        assert.matches("may not be had again", result.err, 1, true)
    end)

    it("on a disk that is well reads its file again, into huge pages", function()
        local result, huge = attach(false)
        if not result then return pending(huge) end
        if result.err:find("large folios", 1, true) then return pending("ext4 has no large folios here") end
        assert.same({ "", 0 }, { result.err, result.code })
        assert.is_true(huge > 0)
    end)
end)
