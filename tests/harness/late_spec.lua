-- SPDX-License-Identifier: Apache-2.0
-- What scripts have and a start does not need is loaded when it is asked for.

local support = require "tests.lib.support"

local later = { "arguments", "backtraces", "buffers", "calls", "catching", "cores", "debug_files", "filters", "late",
    "launches", "notes", "points", "symbols", "syscall_groups", "uncallable", "values" }

-- Runs Lua in a state of its own, and gives what it has printed.
local function run(chunk)
    local folder <close> = support.folder()
    support.write_file(folder.path .. "/chunk.lua", chunk)
    local done = support.shell("exec lua5.4 " .. folder.path .. "/chunk.lua")
    assert.equal("", done.err)
    return done.out
end

describe("the modules that only scripts need", function()
    it("are not loaded by what a start requires", function()
        local out = run [[
            for _, name in ipairs { "cli", "start.launcher", "start.stages", "start.family", "start.dlopen",
                "remap.stage", "remap.attach", "remap.executor", "harness.inferiors", "harness.entry" } do
                require("tiexec." .. name)
            end
            for name in pairs(package.loaded) do print(name) end]]
        assert.matches("tiexec.harness.inferiors\n", out, 1, true)
        for _, name in ipairs(later) do assert.is_nil(out:find("tiexec.harness." .. name .. "\n", 1, true), name) end
        assert.equal("nil\n", run "print(require('tiexec.core').symbol_table)")
    end)

    it("are loaded by the first of their methods that is asked for, and no sooner", function()
        local out = run [[
            local tiexec = require "tiexec"
            local inferior <close> = assert(tiexec.launch { "true" })
            local function loaded(name) return package.loaded["tiexec.harness." .. name] ~= nil end
            print(loaded "values", loaded "symbols", inferior.no_such_method)
            print(inferior.read_u8 ~= nil, loaded "values", loaded "symbols")
            print(inferior.symbol ~= nil, loaded "symbols", loaded "calls", rawequal(inferior.symbol, inferior.symbol))
            inferior:kill()]]
        assert.equal("false\tfalse\tnil\ntrue\ttrue\tfalse\ntrue\ttrue\tfalse\ttrue\n", out)
    end)
end)
