-- SPDX-License-Identifier: Apache-2.0
-- Builds by other compilers and flags: each warns of nothing, and its program does the main job:
-- `make builds`.

local support = require "tests.lib.support"

local FOLDER <const> = "build/builds/"

local function build(name, words)
    local result = support.shell(("make -s BUILD=%s%s %s"):format(FOLDER, name, words))
    assert.same({ "", 0 }, { result.err, result.code })
    return FOLDER .. name .. "/"
end

-- The program starts one whose text becomes huge.
local function does_its_job(folder)
    local words = { folder .. "tiexec", "--strict", "-v", "--sources", "thp", support.programs .. "ample", "x" }
    local result = support.run(words)
    assert.equal(3, result.code, result.err)
    assert.truthy(result.err:find(" 2 MiB.- thp "), result.err)
    assert.equal(0, support.run { folder .. "dynamic/tiexec", "--help" }.code)
end

describe("a build", function()
    for name, words in pairs {
        O0 = "CFLAGS='-O0 -g'", O1 = "CFLAGS=-O1", O3 = "CFLAGS='-O3 -g'", lto = "CFLAGS='-O2 -flto=auto'",
        clang = "CC=clang", ["clang-lto"] = "CC=clang CFLAGS='-O2 -flto' LDFLAGS=-fuse-ld=lld",
        dynamic = "STATIC=", hardened = "CPPFLAGS=-D_FORTIFY_SOURCE=2 CFLAGS='-O2 -fstack-protector-strong'",
    } do
        it(words .. " does the main job", function()
            if words:find("clang", 1, true) and support.shell("command -v clang ld.lld").code ~= 0 then
                return pending "no clang, or no lld"
            end
            does_its_job(build(name, words))
        end)
    end

    it("has the same bytes as another one, of a copy of the source elsewhere", function()
        local copy <close> = support.folder()
        local to = copy.path .. "/elsewhere"
        local words = ("mkdir %s && cp -r Makefile core scripts arch tests docs README.md %s"):format(to, to)
        assert(support.shell(words).code == 0)
        local here = build("one", "")
        assert.equal(0, support.shell(("make -s -C %s BUILD=two"):format(to)).code)
        for _, file in ipairs { "tiexec", "dynamic/tiexec", "lua/tiexec/core.so" } do
            assert.equal("", support.shell(("cmp %s%s %s/two/%s"):format(here, file, to, file)).out)
        end
    end)
end)
