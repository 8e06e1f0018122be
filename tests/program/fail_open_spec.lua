-- SPDX-License-Identifier: Apache-2.0
-- Whatever fails, CMD runs unmodified, with one line that says what; with --strict it does not start.

local core = require "tiexec.core"
local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

local ample, ample_static = support.programs .. "ample", support.programs .. "ample_static"
local test = failure.tests(it)
local huge = core.host().huge_page_size

describe("no huge pages", function()
    local function no_thp() return support.thp("never"), "the THP mode cannot be set: not root?" end

    for _, command in ipairs { ample, ample_static } do
        local name = command:match("[^/]*$")
        test(name .. ", an empty pool", {
            command = { command, "x" }, options = { "--sources", "hugetlb" }, host = failure.empty_pool,
            line = { "hugetlb pool has no free page", "sysctl vm.nr_hugepages" },
        })
        test(name .. ", transparent huge pages off", {
            command = { command, "x" }, options = { "--sources", "thp" }, host = no_thp,
            line = { "transparent huge pages are off", "transparent_hugepage/enabled" },
        })
        test(name .. ", transparent huge pages off and an empty pool", {
            command = { command }, options = { "--sources", "thp,hugetlb" }, host = function()
                local thp, pool = support.thp("never"), support.pool(0)
                if not (thp and pool) then return nil, "the host's settings cannot be changed: not root?" end
                return setmetatable({}, { __close = function()
                    getmetatable(thp).__close()
                    getmetatable(pool).__close()
                end })
            end,
            line = { "thp: transparent huge pages are off", "hugetlb: the hugetlb pool" },
        })
    end
end)

describe("a pool too small", function()
    local function one_page() return support.pool(1), "the hugetlb pool cannot be set: not root, or no memory" end
    local options = { "--sources", "hugetlb", "-s", "conservative" }

    test("half-way", {
        command = { ample_static, "x" }, options = options, host = one_page, line = "1 of 2 ranges",
    })

    it("the first part is huge, the rest stays as it was, the bytes are right", function()
        local host <close>, why = one_page()
        if not host then return pending(why) end
        local folder <close> = support.folder()
        local output = folder.path .. "/output"
        local words = table.move({ ample_static, "wait" }, 1, 2, #options + 1, { table.unpack(options) })
        local process <close> = support.start_tiexec(words, (">%s 2>&1"):format(output))
        assert(support.wait_for(function() return support.read_file(output):find("child 5\n", 1, true) end))
        local text, seen = 0, {}
        for _, m in ipairs(support.smaps(process.pid)) do
            if m.perms == "r-xp" and (m.path:find("ample") or m.path == "" or m.path:find("huge")) then
                local bytes, by = support.huge_bytes(m)
                text = text + m.stop - m.start
                if bytes > 0 and by ~= "FilePmdMapped" then seen[#seen + 1] = ("%s %d"):format(by, bytes) end
            end
        end
        assert.same({ ("Private_Hugetlb %d"):format(huge) }, seen)
        assert.is_true(text > 2 * huge)
        local plain = support.run { ample_static, "waited" }
        assert.equal(plain.out:match("result [^\n]*"), support.read_file(output):match("result [^\n]*"))
    end)

    it("the next source takes the rest", function()
        local host <close>, why = one_page()
        if not host then return pending(why) end
        local mode <close> = support.thp("madvise")
        assert.truthy(mode)
        local process <close> = support.start_tiexec {
            "--sources", "hugetlb,thp", "-s", "conservative", ample_static, "wait" }
        local by_field = {}
        for _, m in ipairs(support.smaps(process.pid)) do
            local bytes, by = support.huge_bytes(m)
            if m.perms == "r-xp" and by then by_field[by] = (by_field[by] or 0) + bytes end
        end
        assert.equal(huge, by_field.Private_Hugetlb)
        assert.is_true((by_field.AnonHugePages or 0) >= huge)
    end)
end)

describe("traced already", function()
    test("by strace -f", {
        command = { ample, "x" }, prefix = { "strace", "-f", "-o", "/dev/null" }, line = { "traced", "strace" },
    })
    test("by strace -f, a static program", {
        command = { ample_static }, prefix = { "strace", "-f", "-o", "/dev/null" }, line = { "traced", "strace" },
    })
    test("by a detached strace", {
        command = { ample, "x" }, prefix = { "strace", "-f", "-D", "-o", "/dev/null" }, line = { "traced", "strace" },
    })

    -- gdb writes to the same outputs, so only what the program and tiexec wrote is looked at.
    local function in_gdb(words)
        local result = support.run(table.move(words, 1, #words, 7, { "gdb", "-nx", "-batch", "-ex", "run", "--args" }))
        local own, said = {}, {}
        for line in result.out:gmatch("[^\n]+") do
            if line:find("^argument") or line:find("^result") or line:find("exited") then own[#own + 1] = line end
        end
        for line in result.err:gmatch("tiexec: [^\n]+") do said[#said + 1] = line end
        return own, said
    end

    it("by gdb: CMD runs, one line tells why", function()
        local plain = in_gdb({ ample, "x" })
        local own, said = in_gdb({ support.tiexec, ample, "x" })
        for _, list in ipairs { plain, own } do
            for i, line in ipairs(list) do list[i] = line:gsub("%(process %d+%)", "") end
        end
        assert.is_true(#own > 1)
        assert.same(plain, own)
        assert.equal(1, #said)
        assert.truthy(said[1]:find("traced already, by gdb", 1, true))
    end)

    it("by gdb, --strict: CMD does not start", function()
        local own, said = in_gdb({ support.tiexec, "--strict", ample, "x" })
        assert.equal(1, #own)
        assert.truthy(own[1]:find("exited with code 0175", 1, true)) -- gdb writes octal: 125
        assert.equal(1, #said)
    end)
end)

describe("--require", function()
    local function run(percent, ...)
        return support.run_tiexec { "--require", percent, "--sources", ..., ample, "x" }
    end

    it("of more than is huge: CMD does not start, one line tells", function()
        for _, percent in ipairs { "99.9", "100%" } do
            local result = run(percent, "thp")
            failure.not_started(result)
            assert.truthy(failure.one_line(result):find("of its text is on huge pages", 1, true))
        end
    end)

    it("of less: CMD runs", function()
        local mode <close> = support.thp("madvise")
        if not mode then return pending("the THP mode cannot be set: not root?") end
        assert.same({ 3, "" }, { run("10", "thp").code, run("10", "thp").err })
        local result = support.run { "env", "TIEXEC=require=10,sources=thp", support.tiexec, ample, "x" }
        assert.equal(3, result.code, result.err)
    end)

    it("where nothing can be done: CMD does not start, one line tells", function()
        local result = support.run { "strace", "-f", "-o", "/dev/null", support.tiexec, "--require", "1", ample, "x" }
        failure.not_started(result)
        assert.truthy(failure.one_line(result):find("traced already", 1, true))
    end)

    it("does not judge the shell of a script that is followed", function()
        local mode <close> = support.thp("madvise")
        if not mode then return pending("the THP mode cannot be set: not root?") end
        local words = { "--follow", "exec", "sh", "-c", 'exec "$0" x', ample }
        local result = support.run_tiexec(support.concat({ "--require", "10", "--sources", "thp" }, words))
        assert.equal(3, result.code, result.err)
        result = support.run_tiexec(support.concat({ "--require", "99.9", "--sources", "thp" }, words))
        failure.not_started(result)
    end)

    it("makes --attach exit with 1", function()
        local mode <close> = support.thp("madvise")
        if not mode then return pending("the THP mode cannot be set: not root?") end
        local process <close> = support.start_tiexec { "--sources", "hugetlb", "-s", "none", ample, "wait" }
        local function attach(percent)
            return support.run_tiexec { "--sources", "thp", "--require", percent, "--attach", tostring(process.pid) }
        end
        local result = attach("99.9")
        assert.equal(1, result.code)
        assert.truthy(failure.one_line(result):find("99.9 %% are required"))
        assert.equal(0, attach("10").code)
    end)
end)

describe("--quiet", function()
    it("says nothing of a program that runs all the same", function()
        for _, prefix in ipairs { {}, { "strace", "-f", "-o", "/dev/null" } } do
            local words = support.concat(prefix, { support.tiexec, "-q", "-s", "no-such", ample, "x" })
            local result = support.run(words)
            assert.same({ 3, "" }, { result.code, result.err })
            assert.equal(3, support.run(support.concat({ "env", "TIEXEC=quiet,strategy=no-such" }, prefix,
                { support.tiexec, ample, "x" })).code)
        end
    end)

    it("says why one does not", function()
        local result = support.run_tiexec { "-q", "--strict", "-s", "no-such", ample, "x" }
        failure.not_started(result)
        failure.one_line(result)
    end)
end)

describe("--follow", function()
    it("says nothing of programs that are too small to matter, but of others", function()
        local pool <close> = support.pool(0)
        if not pool then return pending("the hugetlb pool cannot be set: not root?") end
        local words = { "--follow", "exec", "--sources", "hugetlb", "sh", "-c", 'exec "$@"', "sh" }
        local small, large = support.programs .. "moved-static-small", ample
        assert.equal("", support.run_tiexec(support.concat(words, { small })).err)
        assert.matches("stays? on small pages", support.run_tiexec(support.concat(words, { large, "x" })).err)
    end)
end)
