-- SPDX-License-Identifier: Apache-2.0
-- --record=tlb: what huge pages would do to instruction TLBs, by a model of pages that qemu-user has traced.

local json = require "dkjson"
local support = require "tests.lib.support"

local large = support.programs .. "wandering"
local CPUS <const> = { "zen3", "skylake", "neoverse-n1" }

local function lacks_qemu()
    return support.shell("qemu-$(uname -m) -help | grep -q plugin").code ~= 0 and "no qemu-user that takes plugins"
end

local function model(words)
    local result = support.run_tiexec(words)
    assert.equal(0, result.code, result.err)
    return assert(json.decode(result.out)), result.err
end

describe("--record=tlb", function()
    it("tells what a program of 8 MiB that goes to another page all the time would gain", function()
        if lacks_qemu() then return pending(lacks_qemu()) end
        local found, said = model { "--record=tlb:0", "--json", large }
        assert.equal("", said)
        assert.is_true(found.huge_pages >= 3 and found.huge_page_size > 0)
        assert.equal(0, found.skipped)
        for _, name in ipairs(CPUS) do
            local cpu = found.cpus[name]
            assert.is_true(cpu.small.misses > 10, name)
            assert.is_true(cpu.huge.misses < cpu.small.misses / 10, name)
            assert.is_true(cpu.small.walks <= cpu.small.misses and cpu.huge.walks <= cpu.huge.misses)
        end
    end)

    it("takes the settings of a start, and gains nothing by none", function()
        if lacks_qemu() then return pending(lacks_qemu()) end
        local found = model { "--record=tlb:0", "--json", "--strategy", "none", large }
        assert.equal(0, found.huge_pages)
        for _, name in ipairs(CPUS) do assert.same(found.cpus[name].small, found.cpus[name].huge) end
    end)

    it("shows people a table that says what it is, and nothing of the program", function()
        if lacks_qemu() then return pending(lacks_qemu()) end
        local result = support.run_tiexec { "--record=tlb:0", "sh", "-c", "echo output; echo error >&2" }
        assert.equal(0, result.code)
        assert.equal("", result.out)
        assert.truthy(result.err:find("^%w+: a model of instruction TLBs, and no measurement\n"), result.err)
        for _, name in ipairs(CPUS) do
            assert.truthy(result.err:find("\n  " .. name:gsub("%-", "%%-") .. " +[%d.]+ +[%d.]+"))
        end
        assert.is_nil(result.err:find("output", 1, true) or result.err:find("error", 1, true))
    end)

    it("traces the interpreter of a script, with its arguments", function()
        if lacks_qemu() then return pending(lacks_qemu()) end
        local folder <close> = support.folder()
        support.write_file(folder.path .. "/script", "#!/bin/sh\necho $1 >" .. folder.path .. "/said\n")
        os.execute("chmod +x " .. folder.path .. "/script")
        local found = model { "--record=tlb:0", "--json", folder.path .. "/script", "one two" }
        assert.equal(support.shell("readlink -f /bin/sh").out, found.executable .. "\n")
        assert.equal("one two\n", support.read_file(folder.path .. "/said"))
    end)

    it("says in a line why there is nothing", function()
        local path = "PATH=" .. support.shell("mktemp -d").out:match("[^\n]+")
        for said, words in pairs {
            ["is not here (Debian has it in qemu-user)"] = { "env", path, support.tiexec, "--record=tlb", "/bin/true" },
            ["No such file or directory"] = { support.tiexec, "--record=tlb", "/no/such" },
            ["a command is missing"] = { support.tiexec, "--record=tlb" },
            ["N is a number of millions"] = { support.tiexec, "--record=tlb:x", "/bin/true" },
            ["--record=tlb and --attach exclude each other"] = { support.tiexec, "--record=tlb", "--attach", "1" },
            ["--record=tlb and --output exclude each other"] = { support.tiexec, "--record=tlb", "-o", "x", "true" },
            ["SECONDS is a number, or tlb"] = { support.tiexec, "--record=many", "true" },
        } do
            local result = support.run(words)
            assert.equal(said:find("No such") and 127 or 125, result.code)
            assert.truthy(result.err:find(said, 1, true), result.err)
            assert.equal(1, select(2, result.err:gsub("\n", "")))
            assert.equal("", result.out)
        end
        os.execute("rmdir " .. path:sub(6))
        if lacks_qemu() then return end
        local result = support.run_tiexec { "--record=tlb:900000", "/bin/true" }
        assert.equal(125, result.code)
        assert.truthy(result.err:find("^tiexec: %-%-record=tlb: it ended after [%d.]+ of the first 900000 million"))
    end)
end)
