-- SPDX-License-Identifier: Apache-2.0
-- The list of tests that may be skipped: what is not on it is found.

local support = require "tests.lib.support"

local HOST <const> = "skipped (x86-64, Linux 6.12.1): tests/unit/one_spec.lua: a thing is done (twice): not root?\n"
local GUEST <const> = "skipped (aarch64, Linux 6.1.0-9): tests/unit/two_spec.lua: a thing: a kernel of 6.8\n"

-- What tests/tools/skips makes of a log, with a list.
local function check(list, log)
    local folder <close> = support.folder()
    support.write_file(folder.path .. "/list", list)
    support.write_file(folder.path .. "/log", "something else\n" .. log)
    return support.shell(("tests/tools/skips %s/list <%s/log"):format(folder.path, folder.path))
end

describe("the list of tests that may be skipped", function()
    it("lets pass what is on it", function()
        local result = check("# a comment\n\n* | *one_spec.lua: a thing is done (twice): not root? | needs root\n"
            .. "aarch64, Linux 6.1.* | *two_spec* | Linux 6.8\n", HOST .. GUEST)
        assert.same({ 0, "", "" }, { result.code, result.out, result.err })
    end)

    it("is not needed where nothing is skipped", function()
        assert.equal(0, check("", "").code)
    end)

    for what, list in pairs {
        ["is not on it"] = "* | *three_spec* | a reason\n",
        ["is on it for another kernel"] = "aarch64, Linux 5.* | * | a reason\n",
        ["is on it for another CPU"] = "x86-64* | * | a reason\n",
        ["gives another reason"] = "* | *two_spec.lua: a thing: a kernel of 6.9 | a reason\n",
        ["is on it only up to characters that a pattern would take otherwise"] = "* | *two.spec* | a reason\n",
    } do
        it("finds what " .. what, function()
            local result = check(list, GUEST)
            assert.equal(1, result.code)
            assert.truthy(result.out:find("tests/unit/two_spec.lua: a thing", 1, true))
        end)
    end

    it("has a reason in each line", function()
        local result = check("* | *two_spec*\n", GUEST)
        assert.equal(2, result.code)
        assert.truthy(result.err:find("list:1: ", 1, true))
    end)

    it("can be read as it is", function()
        assert.equal(0, support.shell("tests/tools/skips tests/skips </dev/null").code)
    end)
end)

describe(".ci/run", function()
    -- What it says at last, and its exit status, when make prints this.
    local function ci(text)
        local folder <close> = support.folder()
        support.write_file(folder.path .. "/make",
            "#!/bin/sh\n[ $1 = test-real ] || exit 0\ncat <<'END'\n" .. text .. "END\n")
        os.execute("chmod +x " .. folder.path .. "/make")
        local result = support.shell("PATH=" .. folder.path .. ":$PATH .ci/run")
        return result.out:match("([^\n]*)\n$"), result.code
    end

    it("passes when nothing is skipped", function()
        assert.same({ "5 passed, 0 failed, 0 skipped", 0 },
            { ci("5 successes / 0 failures / 0 errors / 0 pending : 1\n") })
    end)

    it("fails when a test is skipped that is not on the list", function()
        assert.same({ "5 passed, 1 failed, 1 skipped", 1 },
            { ci(HOST .. "5 successes / 0 failures / 0 errors / 1 pending : 1\n") })
    end)

    it("ends, whatever a test has left running with its output open", function()
        local folder <close> = support.folder()
        support.write_file(folder.path .. "/make", "#!/bin/sh\nsleep 600 & echo $! >>" .. folder.path
            .. "/left\ngrep SigIgn /proc/self/status >" .. folder.path
            .. "/ignored\necho '1 success / 0 failures / 0 errors / 0 pending : 1'\n")
        os.execute("chmod +x " .. folder.path .. "/make")
        local result = support.shell("PATH=" .. folder.path .. ":$PATH timeout -k 3 60 .ci/run")
        support.shell("kill $(cat " .. folder.path .. "/left)")
        assert.same({ "2 passed, 0 failed, 0 skipped", 0 }, { result.out:match("([^\n]*)\n$"), result.code })
        local ignored = support.shell("timeout -k 3 60 grep SigIgn /proc/self/status").out
        assert.equal(ignored, support.read_file(folder.path .. "/ignored"))
    end)

    it("fails when a test does, and adds up what comes to", function()
        assert.same({ "8 passed, 3 failed, 0 skipped", 1 },
            { ci("5 successes / 1 failure / 0 errors / 0 pending : 1\n"
                .. "3 successes / 0 failures / 2 errors / 0 pending : 1\n") })
    end)
end)
