-- SPDX-License-Identifier: Apache-2.0
-- --compare --attach: a process is compared with itself, on huge pages and on small ones.

local json = require "dkjson"
local support = require "tests.lib.support"

-- Calls `look` while a program computes that is slower by `slow` percent on huge pages. It is given the process and
-- the file with the number of units.
local function with_server(slow, look)
    local folder <close> = support.folder()
    local served = folder.path .. "/served"
    local process <close> = support.start { "env", "SLOW=" .. slow, support.programs .. "serving", served }
    support.wait_for(function() return (support.read_file(served) or ""):find("%d") end)
    return look(process, served)
end

local function compare(pid, words)
    local result = support.run_tiexec(support.concat({ "--compare", "--json", "--sources", "thp", "--attach",
        tostring(pid) }, words))
    assert.equal("", result.err)
    return assert(json.decode(result.out))
end

describe("--compare --attach", function()
    local mode
    before_each(function() mode = support.thp("madvise") end)
    after_each(function() if mode then getmetatable(mode).__close(mode) end end)

    it("finds a slow-down of one state, and leaves the process as it was", function()
        if not mode then return pending("the THP mode cannot be set: not root?") end
        with_server(60, function(process, served)
            local found = compare(process.pid, { "--seconds", "12", "--metric", "cat " .. served, "--keep-best" })
            local unit = found.quantities["CPU time per unit"].comparison
            assert.equal("more", unit.verdict)
            assert.is_true(unit.ratio > 1.3 and unit.ratio < 1.9, tostring(unit.ratio))
            assert.is_true(found.huge > 4 << 20)
            assert.equal(12, found.pairs) -- of blocks of half a second
            assert.equal("small", found.left)
            assert.equal(0, support.huge_text(process.pid))
            assert.is_true(process:is_alive())
        end)
    end)

    it("keeps what is better", function()
        if not mode then return pending("the THP mode cannot be set: not root?") end
        with_server(support.patience > 1 and -80 or -40, function(process, served) -- emulated CPUs vary
            local found = compare(process.pid, { "--seconds", "12", "--metric", "cat " .. served, "--keep-best" })
            assert.equal("huge", found.left)
            assert.is_true(support.huge_text(process.pid) > 4 << 20)
        end)
    end)

    it("takes a number that falls for a level", function()
        if not mode then return pending("the THP mode cannot be set: not root?") end
        with_server(0, function(process)
            local found = compare(process.pid, { "--seconds", "4", "--metric", "date +%N | sed s/^0*//" })
            assert.is_nil(found.quantities["CPU time per unit"])
            assert.is_not_nil(found.quantities.metric)
            assert.equal("small", found.left)
        end)
    end)

    it("ends with the process", function()
        with_server(0, function(process, served)
            local result = support.run_tiexec { "--compare", "--attach", tostring(process.pid), "--seconds", "600",
                "--metric", ("kill -KILL %d; cat %s"):format(process.pid, served) }
            assert.equal(125, result.code)
            local _, lines = result.err:gsub("\n", "")
            assert.equal(1, lines, result.err)
        end)
    end)

    it("refuses what makes no sense, in one line", function()
        for words, said in pairs {
            ["--compare --attach 999999999"] = "process 999999999",
            ["--compare --attach x"] = "one process id is needed",
            ["--compare --attach"] = "one process id is needed",
            ["--compare=thp --attach 1"] = "compares no sets",
            ["--compare --metric x true"] = "goes with --compare --attach",
            ["--keep-best true"] = "goes with --compare --attach",
        } do
            local result = support.shell(support.tiexec .. " " .. words)
            assert.equal(125, result.code, words)
            assert.truthy(result.err:find(said, 1, true), result.err)
            local _, lines = result.err:gsub("\n", "")
            assert.equal(1, lines)
        end
        with_server(0, function(process)
            local result = support.run_tiexec { "--compare", "--attach", tostring(process.pid), "--metric",
                "echo none" }
            assert.equal(125, result.code)
            assert.truthy(result.err:find("has printed no number", 1, true))
        end)
    end)
end)
