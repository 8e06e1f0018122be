-- SPDX-License-Identifier: Apache-2.0
-- tiexec.start.needed: modules that the program is built with, which ask nothing of the host while they are loaded.

local support = require "tests.lib.support"

-- A Lua of its own, whose modules have not been loaded; the functions that ask something say so.
local SCRIPT <const> = [[
local core, asked = require "tiexec.core", {}
-- Known when the program is compiled.
local allowed = { syscall_number = true, extend_inferior = true, open_late = true, late_methods = true }
local function watched(name, list)
    return setmetatable({}, { __index = function(_, key)
        local value = list[key]
        if type(value) ~= "function" or allowed[key] then return value end
        return function(...)
            asked[#asked + 1] = name .. "." .. key
            return value(...)
        end
    end })
end
package.preload["tiexec.strategies.aggressive"] = loadfile "scripts/strategies/aggressive.lua" -- as in the program
local plain_os, plain_io = os, io
package.loaded["tiexec.core"] = watched("core", core)
os, io = watched("os", os), watched("io", io)
%s
require "tiexec.start.needed"
os, io = plain_os, plain_io
print(table.concat(asked, " "))
for name in pairs(package.loaded) do print("loaded " .. name) end
]]

local function load_needed(before)
    local result = support.run { "lua5.4", "-e", SCRIPT:format(before or "") }
    assert.same({ "", 0 }, { result.err, result.code })
    return result.out
end

describe("what a start needs", function()
    it("asks nothing of the host while it is loaded", function()
        assert.equal("", load_needed():match "^[^\n]*")
    end)

    it("is found to ask, where it does", function()
        local out = load_needed('package.preload["tiexec.base.text"] = function() os.getenv "HOME" return {} end')
        assert.equal("os.getenv", out:match "^[^\n]*")
    end)

    it("is what the strategy of a start without options is planned and carried out with", function()
        local out = load_needed()
        for _, name in ipairs { "start.tracer", "start.stages", "plan.strategy", "remap.executor", "sources.file",
            "watch", "strategies.aggressive" } do
            assert.truthy(out:find("loaded tiexec." .. name .. "\n", 1, true), name)
        end
    end)
end)
