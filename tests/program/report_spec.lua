-- SPDX-License-Identifier: Apache-2.0
-- --report: JSON that agrees with what smaps says, one value in a line.

local json = require "dkjson"
local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

local test = failure.tests(it)
local ample, ample_static = support.programs .. "ample", support.programs .. "ample_static"

local function read_json(path)
    local value, _, why = json.decode(support.read_file(path) or "")
    assert(value, why)
    return value
end

-- The values of a file of JSON lines.
local function read_lines(path)
    local list = {}
    for line in support.read_file(path):gmatch("([^\n]*)\n") do
        local value, stop, why = json.decode(line)
        assert(value, why)
        assert.is_nil(line:find("%S", stop))
        list[#list + 1] = value
    end
    return list
end

describe("--report", function()
    for _, command in ipairs { ample, ample_static } do
        it("agrees with smaps: " .. command:match("[^/]*$"), function()
            local mode <close> = support.thp("madvise")
            local folder <close> = support.folder()
            local path = folder.path .. "/report.json"
            local process <close> = support.start_tiexec {
                "--sources", "thp", "-s", "conservative", "--report", path, command, "wait" }
            local report = read_json(path)
            local size, huge = 0, 0
            for _, m in ipairs(support.smaps(process.pid)) do
                if m.perms:find("x") then
                    size, huge = size + m.stop - m.start, huge + support.huge_bytes(m)
                end
            end
            assert.is_true(huge > 0)
            assert.equal(huge, report.totals.huge_bytes)
            assert.equal(size, report.totals.bytes)
            assert.equal(process.pid, report.pid)
            assert.equal(command, report.command)
            assert.equal("conservative", report.strategy)
            assert.same({ "thp" }, report.sources)
            assert.is_true(report.totals.pages_after < report.totals.pages_before)
            if mode == nil then return pending("the THP mode could not be set, it was as it was") end
        end)
    end

    it("gives a reason for each mapping that stays", function()
        local folder <close> = support.folder()
        local path = folder.path .. "/report.json"
        support.run_tiexec { "-s", "none", "--report", path, ample }
        local report = read_json(path)
        assert.is_true(#report.mappings > 2)
        for _, mapping in ipairs(report.mappings) do
            assert.is_true(#mapping.why > 0)
            assert.is_nil(mapping.source)
        end
    end)

    it("is JSON too when nothing could be done, and says why", function()
        local folder <close> = support.folder()
        local path = folder.path .. "/report.json"
        local result = support.run_tiexec { "-s", "no-such-strategy", "--report", path, ample }
        assert.equal(3, result.code)
        assert.truthy(read_json(path).error:find("no-such-strategy", 1, true))
    end)

    it("is JSON too under a tracer, and says why", function()
        local folder <close> = support.folder()
        local path = folder.path .. "/report.json"
        support.run { "strace", "-f", "-o", "/dev/null", support.tiexec, "--report", path, ample }
        assert.truthy(read_json(path).error:find("traced already", 1, true))
    end)

    it("has a line for each process", function()
        local mode <close> = support.thp("madvise")
        local folder <close> = support.folder()
        local path = folder.path .. "/report.json"
        local one <close> = support.start { ample, "wait" }
        local other <close> = support.start { ample, "wait" }
        assert(support.wait_for(function()
            local seen = 0
            for _, process in ipairs { one, other } do
                local exe = support.shell(("readlink /proc/%d/exe"):format(process.pid)).out
                seen = seen + (exe:find("ample\n$") and 1 or 0)
            end
            return seen == 2
        end))
        local result = support.run_tiexec { "--sources", "thp", "--report", path, "--attach", tostring(one.pid),
            tostring(other.pid) }
        assert.equal(0, result.code, result.err)
        local lines = read_lines(path)
        assert.same({ one.pid, other.pid }, { lines[1].pid, lines[2].pid })
        assert.equal(2, #lines)
        if mode == nil then return pending("the THP mode could not be set, it was as it was") end
    end)

    it("has a line for each stage", function()
        local mode <close> = support.thp("madvise")
        local folder <close> = support.folder()
        local path = folder.path .. "/report.json"
        support.run_tiexec { "--follow", "exec", "--sources", "thp", "--report", path, "sh", "-c",
            ("exec %s"):format(ample) }
        local stages = {}
        for i, line in ipairs(read_lines(path)) do stages[i] = line.command:match("[^/]*$") end
        assert.same({ "sh", "ample" }, stages)
        if mode == nil then return pending("the THP mode could not be set, it was as it was") end
    end)

    for _, name in ipairs { "/dev/stdout", "-" } do
        it("to standard output: " .. name, function()
            local result = support.run_tiexec { "--report", name, ample, "x" }
            assert.equal(3, result.code)
            assert.truthy(result.out:find('"huge_bytes"', 1, true))
            assert.truthy(result.out:find("result ", 1, true))
        end)
    end

    it("is a file that several may write to at once, and keeps what it has", function()
        local folder <close> = support.folder()
        local path = folder.path .. "/report.json"
        support.write_file(path, "{}\n")
        local words = support.quote { support.tiexec, "--report", path, ample, "x" } .. " >/dev/null & "
        support.shell(words:rep(5) .. "wait")
        local pids, count = {}, 0
        for i, line in ipairs(read_lines(path)) do
            assert.equal(i > 1, line.pid ~= nil)
            if line.pid then pids[line.pid], count = true, count + 1 end
        end
        local different = 0
        for _ in pairs(pids) do different = different + 1 end
        assert.same({ 5, 5 }, { count, different })
    end)

    it("has its keys in the order of the alphabet, in each table", function()
        local folder <close> = support.folder()
        local path = folder.path .. "/report.json"
        support.run_tiexec { "--report", path, ample, "x" }
        local line = support.read_file(path)
        assert.equal(1, json.decode(line).schema)
        local last, at, mark = {}, line:match("()([{}\"])") -- the last key of each table around
        while at do
            local stop = mark == '"' and line:find('"', at + 1, true) or at
            if mark == "{" then last[#last + 1] = "" end
            if mark == "}" then last[#last] = nil end
            if mark == '"' and line:sub(stop + 1, stop + 1) == ":" then
                local key = line:sub(at + 1, stop - 1)
                assert.is_true(last[#last] < key, key)
                last[#last] = key
            end
            at, mark = line:match("()([{}\"])", stop + 1)
        end
    end)

    test("to a folder that is missing", {
        command = { ample, "x" }, options = { "--report", "/nowhere/report.json" }, line = "/nowhere/report.json",
    })
    test("to a directory", {
        command = { ample, "x" }, options = { "--report", "/usr" }, line = "/usr",
    })

    it("to a full device: CMD runs, one line tells why", function()
        local plain, result = failure.both { command = { ample, "x" }, options = { "--report", "/dev/full" } }
        failure.same_end(plain, result)
        assert.truthy(failure.one_line(result):find("No space left", 1, true))
    end)
end)
