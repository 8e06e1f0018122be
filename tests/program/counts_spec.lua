-- SPDX-License-Identifier: Apache-2.0
-- How many system calls and page faults a start and an attach take: they may not grow. The bounds leave some room for
-- other libraries and kernels; times are measured by `make costs`, and not here.

local core = require "tiexec.core"
local faults = require "tests.lib.faults"
local support = require "tests.lib.support"

local ample <const> = support.programs .. "ample"

-- Whether the program runs core/front before the C library.
local function is_static() return not support.run({ "readelf", "-lW", support.tiexec }).out:find("INTERP", 1, true) end

-- The median page faults of all processes of each command, by tests/programs/stopwatch.
local function faults_of(...)
    local words = { support.programs .. "stopwatch", "5" }
    for i, command in ipairs { ... } do
        if i > 1 then words[#words + 1] = "--" end
        words = support.concat(words, command)
    end
    local result, counts = support.run(words), {}
    assert.equal(0, result.code, result.err)
    for count in result.out:gmatch("\n%s*[%d.]+%s+[%d.]+%s+[%d.]+%s+[%d.]+%s+[%d.]+%s+[%d.]+%s+[%d.]+%s+(%d+)  ") do
        table.insert(counts, 1, tonumber(count))
    end
    assert.equal(select("#", ...), #counts, result.out)
    return counts
end

local function at_most(limit, count, what)
    assert.is_true(count <= limit, ("%s: %d, and not %d at the most"):format(what, count, limit))
end

-- What the host does not decide.
local function as_usual(test)
    return function()
        if support.sanitized then return pending("sanitizers take calls and faults of their own") end
        return test()
    end
end

describe("a start of a program that has nothing to gain takes", function()
    it("few system calls, all before the C library", as_usual(function()
        if not is_static() then return pending("tiexec is linked dynamically here") end
        if support.run({ "strace", "-V" }).code ~= 0 then return pending("no strace") end
        local folder <close> = support.folder()
        local log = folder.path .. "/log"
        support.run { "env", "-i", "PATH=/usr/bin:/bin", "HOME=/none", "strace", "-o", log, support.tiexec, "true" }
        local calls = support.read_file(log):match("^(.-)\n[%w_]*brk%(") -- traced, it goes on to the C library
        assert.truthy(calls and calls:find("/proc/self/status", 1, true), calls)
        at_most(50, select(2, calls:gsub("\n", "")) + 1, "system calls")
    end))

    it("few page faults", as_usual(function()
        if not is_static() then return pending("tiexec is linked dynamically here") end
        local plain, ours = table.unpack(faults_of({ "true" }, { support.tiexec, "true" }))
        at_most(30, ours - plain, "page faults")
    end))
end)

describe("a start by file takes", function()
    local limits <const> = { ["follow all"] = 1000, ["start file"] = 345, ["launch file"] = 60, ["launch plain"] = 60,
        ["attach file"] = 420 }
    -- Before Linux 6.7 (PAGEMAP_SCAN) smaps alone tells which pages are huge, in many calls.
    local has_scan <const> = core.pagemap(core.syscall "getpid", 0, 4096) ~= nil

    it("no more system calls than it did, as does an attach", as_usual(function()
        local ways, _, mode <close> = faults.prepare()
        local chosen = {}
        for _, way in ipairs(ways) do
            if limits[way.name] then chosen[#chosen + 1] = way end
        end
        assert.is_true(#chosen >= 2)
        faults.count(chosen) -- the page cache has huge pages from now on
        local least = {} -- how often a tracer looks for news before it sleeps is chance
        for _ = 1, 3 do
            for name, count in pairs(faults.count(chosen)) do
                least[name] = math.min(least[name] or count, count)
            end
        end
        for name, count in pairs(least) do
            at_most(has_scan and limits[name] or 3 * limits[name], count, name)
        end
    end))

    it("no more page faults than it did", as_usual(function()
        local plain, ours = table.unpack(faults_of({ ample, "untold" }, { support.tiexec, ample, "untold" }))
        -- What was built for another CPU could not run there, and so has no Lua state in it.
        local most = not is_static() and 315 or support.patience > 1 and 270 or has_scan and 135 or 185
        at_most(most, ours - plain, "page faults")
    end))

    it("no more page faults than it did with node", as_usual(function()
        local node = core.find "node"
        if not node then return pending("no node") end
        local plain, ours = table.unpack(faults_of({ node, "-e", "0" }, { support.tiexec, node, "-e", "0" }))
        at_most(is_static() and 250 or 455, ours - plain, "page faults")
    end))
end)
