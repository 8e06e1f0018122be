-- SPDX-License-Identifier: Apache-2.0
-- Dependencies go one way: see docs/INTERNALS.md. Each rule is tried on the project's own files, and then on the same
-- files with one more that breaks the rule.

local layers = require "tests.lib.layers"

local core = layers.read("core", "%.[ch]$")
local scripts = layers.read("scripts/tiexec", "%.lua$")

-- The files with some of them replaced.
local function with(files, changes)
    local result = {}
    for path, text in pairs(files) do result[path] = text end
    for path, text in pairs(changes) do result[path] = text end
    return result
end

local function after(files, path, more) return with(files, { [path] = assert(files[path]) .. more }) end

describe("the files of core/", function()
    local function upward(files)
        return layers.steps_upward(layers.c_arrows(files), "core", layers.core_rooms)
    end

    it("were found, and so was what they take from each other", function()
        local arrows = layers.c_arrows(core)
        assert.is_true(#arrows > 200)
        local calls = 0
        for _, arrow in ipairs(arrows) do calls = calls + (arrow.what:find("^calls") and 1 or 0) end
        assert.is_true(calls > 100)
    end)

    it("take no step upward", function()
        assert.same({}, upward(core))
    end)

    it("are seen to, by an include", function()
        assert.same({ "core/proc/maps.c includes ptrace/tracee.h" },
            upward(after(core, "core/proc/maps.c", '\n#include "ptrace/tracee.h"\n')))
    end)

    it("are seen to, by a call without an include", function()
        assert.same({ "core/proc/maps.c calls tracee_seize" }, upward(after(core, "core/proc/maps.c",
            "\nint f(void);\nint f(void)\n{\n    return tracee_seize(1, 0);\n}\n")))
    end)

    it("have no circle", function()
        assert.same({}, layers.circles(layers.c_arrows(core)))
    end)

    it("are seen to have one, by calls", function()
        local files = after(core, "core/proc/maps.c", "\nvoid f(void)\n{\n    host_read(0, 0);\n    g();\n}\n")
        files = after(files, "core/proc/host.c", "\nvoid g(void)\n{\n    f();\n}\n")
        assert.is_true(#layers.circles(layers.c_arrows(files)) > 0)
    end)

    it("include lua.h in the bindings alone", function()
        for path, text in pairs(core) do
            local is_binding = path:find("^core/lua/") ~= nil
            assert.is_true(is_binding or not text:find("#include <lua", 1, true), path)
        end
    end)

    it("give each function of tiexec.core a name of its own", function()
        local by_name, twice, count = {}, {}, 0
        for path, text in pairs(core) do
            for name in (text:match("luaL_Reg functions%[%] = (%b{});") or ""):gmatch('{"([%a_]+)",') do
                twice[#twice + 1] = by_name[name] and ("%s: %s, %s"):format(name, by_name[name], path)
                by_name[name], count = path, count + 1
            end
        end
        assert.is_true(count > 100)
        assert.same({}, twice)
    end)
end)

describe("the modules of scripts/tiexec", function()
    local function upward(files)
        return layers.steps_upward(layers.lua_arrows(files), "scripts/tiexec", layers.script_rooms)
    end

    it("were found, and so was what they require", function()
        assert.is_true(#layers.lua_arrows(scripts) > 150)
    end)

    it("take no step upward", function()
        assert.same({}, upward(scripts))
    end)

    it("are seen to, at the head of a file or in a function", function()
        assert.same({ "scripts/tiexec/plan/paths.lua requires tiexec.remap.stage" },
            upward(after(scripts, "scripts/tiexec/plan/paths.lua", '\nlocal x = require "tiexec.remap.stage"\n')))
        assert.same({ "scripts/tiexec/check/init.lua requires tiexec.start.family" },
            upward(after(scripts, "scripts/tiexec/check/init.lua",
                '\nfunction f() return require("tiexec.start.family").run() end\n')))
    end)

    it("have no circle", function()
        assert.same({}, layers.circles(layers.lua_arrows(scripts)))
    end)

    it("are seen to have one", function()
        local files = after(scripts, "scripts/tiexec/base/ranges.lua", '\nrequire "tiexec.base.text".size(1)\n')
        files = after(files, "scripts/tiexec/base/text.lua", '\nrequire "tiexec.base.ranges".find({}, 1)\n')
        assert.equal(1, #layers.circles(layers.lua_arrows(files)))
    end)

    it("load nothing that acts, to look at a process or a host", function()
        for path, text in pairs(scripts) do
            local looks = path:find("^scripts/tiexec/inspect/") or path:find("^scripts/tiexec/check/")
            assert.is_nil(looks and text:find('require%s*%(?"tiexec%.remap'), path)
        end
    end)

    it("are required for what they give, not for what they do", function()
        assert.same({}, layers.bare_requires(scripts))
        assert.equal(1, #layers.bare_requires { ["x.lua"] = '\nrequire "tiexec.x"\nlocal y = require "tiexec.y"\n' })
    end)

    it("have functions of five positional parameters at most", function()
        assert.same({}, layers.long_parameter_lists(scripts))
        assert.equal(1, #layers.long_parameter_lists { ["x.lua"] = "function f(a, b, c, d, e, f) end" })
    end)
end)

describe("all sources", function()
    it("have lines of 100 columns at most", function()
        for _, files in ipairs { core, scripts, layers.read("arch", "%.[ch]$"), layers.read("scripts", "%.lua$") } do
            assert.same({}, layers.long_lines(files, 100))
        end
        assert.same({ "x.c:2" }, layers.long_lines({ ["x.c"] = "a\n" .. ("b"):rep(101) }, 100))
    end)
end)
