-- SPDX-License-Identifier: Apache-2.0
-- How runs of other people's tests are compared.

local suites = require "tests.lib.suites"

describe("runs of other people's tests", function()
    local plain = { suites.parse("pass a\nfail b\nskip c\nnoise\npass a\n"), suites.parse("pass a\nfail b\npass c\n") }

    it("are read by name, and a name that is there again gets a number", function()
        assert.are.same({ a = "pass", b = "fail", c = "skip", ["a (2)"] = "pass" }, plain[1])
    end)

    it("count where all plain runs agree", function()
        local stable, unstable = suites.stable(plain)
        assert.are.same({ a = "pass", b = "fail" }, stable)
        assert.are.equal(2, unstable)
    end)

    it("differ where the outcome does, or a test is missing", function()
        local stable = suites.stable { suites.parse("pass a\nfail b\npass c\n") }
        local runs = { suites.parse("fail a\nfail b\n"), suites.parse("pass a\nfail b\nfail c\n") }
        assert.are.same({
            a = { expected = "pass", got = "fail", times = 1 },
            c = { expected = "pass", got = "missing", times = 2 },
        }, suites.differences(stable, runs))
    end)

    it("differ where tiexec itself has done wrong", function()
        local found = suites.differences({}, { suites.parse("fail (tiexec has not ended)\nfail new\n") })
        assert.are.same({ ["(tiexec has not ended)"] = { expected = "pass", got = "fail", times = 1 } }, found)
    end)

    it("have differences that are known by suite, way and name", function()
        local path = os.tmpname()
        local file <close> = assert(io.open(path, "w"))
        file:write("# a list\n\npython | start all | test_gdb.* (x) | it traces\n")
        file:close()
        local known = suites.known(path)
        os.remove(path)
        assert.are.equal("it traces", suites.reason(known, "python", "all", "test_gdb.T.one (x)"))
        assert.is_nil(suites.reason(known, "python", "attach", "test_gdb.T.one (x)"))
        assert.is_nil(suites.reason(known, "go", "all", "test_gdb.T.one (x)"))
        assert.is_nil(suites.reason(known, "python", "all", "test_gdb"))
    end)
end)
