-- SPDX-License-Identifier: Apache-2.0
-- Where nothing but the executable has text that can be huge, a start is over at the exec stop.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local ROUNDS <const> = 5
local LOADABLE <const> = support.programs .. "loadable"

-- Starts a program by tiexec, and calls a function with its process id once it has done its work.
local function started(words, look)
    local folder <close> = support.folder()
    local output = folder.path .. "/out"
    local process <close> = support.start(support.concat(words, { support.programs .. "ample", "wait" }),
        (">%s 2>&1"):format(output))
    assert(support.wait_for(function() return (support.read_file(output) or ""):find("child", 1, true) end))
    assert(support.wait_for(function() return support.has_become(process.pid, "ample") end))
    return look(process.pid)
end

-- The text of an object of a process that is on huge pages of its file, in bytes.
local function huge_text_of(pid, name)
    local bytes = 0
    for _, m in ipairs(support.smaps(pid)) do
        if m.perms:find("x", 1, true) and m.path:match("[^/]*$") == name then
            bytes = bytes + support.huge_bytes(m)
        end
    end
    return bytes
end

-- How often a program has stood still by the time it waits for its end, at the least.
local function least_stops(options)
    local least = math.huge
    for _ = 1, ROUNDS do
        local words = support.concat({ support.tiexec, "--follow=none" }, options)
        least = math.min(least, started(words, function(pid) return core.status(pid, "voluntary_ctxt_switches") end))
    end
    return least
end

describe("a start whose program alone can have huge text", function()
    local mode
    setup(function() mode = support.thp("madvise") end)
    teardown(function() if mode then getmetatable(mode).__close() end end)

    it("is over before the dynamic linker runs", function()
        if core.has_protections() then return pending "the dynamic linker protects text on this CPU" end
        local early, late = least_stops({}), least_stops({ "--verbose" })
        assert.is_true(early < late, ("%d and %d stops"):format(early, late))
    end)

    it("has huge text", function()
        started({ support.tiexec }, function(pid) assert.is_true(huge_text_of(pid, "ample") >= 4 << 20) end)
    end)

    it("waits for a library that is loaded beside those that it needs", function()
        -- tiexec may map it, too, where it is linked dynamically: then small pages would stay.
        support.run { support.tiexec, "--warm", LOADABLE }
        started({ "env", "LD_PRELOAD=" .. LOADABLE, support.tiexec }, function(pid)
            assert.is_true(huge_text_of(pid, "ample") >= 4 << 20)
            assert.is_true(huge_text_of(pid, "loadable") >= 2 << 20)
        end)
    end)
end)
