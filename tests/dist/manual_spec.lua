-- SPDX-License-Identifier: Apache-2.0
-- The manual pages: all options and settings are in them, and man and mandoc have nothing to say against them.

local options = require "tiexec.help.options"
local settings = require "tiexec.plan.settings"
local support = require "tests.lib.support"
local words = require "tiexec.help.words"

local FOLDER <const> = "build/man/"
local pages = {}
assert(support.shell("make -s pages").code == 0)
for name in support.shell("ls " .. FOLDER).out:gmatch("[^\n]+") do pages[#pages + 1] = name end

-- A page as it is read, without bold and italics.
local function shown(name)
    return support.shell("LC_ALL=C.UTF-8 MANWIDTH=300 man -l " .. FOLDER .. name .. " | col -b").out
end

describe("the manual pages", function()
    it("are five", function()
        assert.same({ "tiexec-profile.5", "tiexec-strategy.5", "tiexec.1", "tiexec.3lua", "tiexec.7" }, pages)
    end)

    for _, name in ipairs(pages) do
        it(name .. ": man and mandoc accept it", function()
            local man = support.shell("LC_ALL=C.UTF-8 man --warnings -l " .. FOLDER .. name .. " >/dev/null")
            assert.same({ "", 0 }, { man.err, man.code })
            if support.shell("command -v mandoc").code ~= 0 then return pending "no mandoc" end
            assert.equal("", support.shell("mandoc -K utf-8 -T lint -W warning " .. FOLDER .. name).out)
        end)
    end

    it("have every option, with its letter", function()
        local text = shown "tiexec.1"
        for _, option in ipairs(options) do
            local head = (option.short and "-" .. option.short .. ", " or "") .. "--" .. option.name
            assert.truthy(text:find("\n%s+" .. head:gsub("%-", "%%-") .. "[%s%[]"), head)
        end
    end)

    it("have every setting, and those alone", function()
        local known = {}
        for _, option in ipairs(options) do
            known[#known + 1] = option.setting and option.name or nil
            if option.setting then
                assert.equal(option.setting == "profile", settings.in_profile(option.name), option.name)
            end
        end
        for _, setting in ipairs(words.settings) do known[#known + 1] = setting.name end
        table.sort(known)
        assert.same(settings.names(), known)
        for _, page in ipairs { "tiexec.1", "tiexec-profile.5" } do
            local text = shown(page):match("\nSETTINGS\n(.-)\n%u")
            for _, name in ipairs(known) do
                assert.truthy(text:find("\n%s+" .. name:gsub("%-", "%%-") .. "[=\n ]"), page .. ": " .. name)
            end
        end
    end)

    it("have every function of the harness", function()
        local text, count = shown "tiexec.3lua", 0
        for name in support.read_file("docs/API.md"):gmatch("\n### ([%w_]+[.:][%w_]+)\n") do
            assert.truthy(text:find(name, 1, true), name)
            count = count + 1
        end
        assert.is_true(count > 100)
    end)

    it("say when they were made by the date of the newest version", function()
        local version = require "tiexec.base.version"
        local date = support.read_file("docs/NEWS.md"):match("\n## " .. version .. " %(([%d-]+)%)")
        assert.truthy(support.read_file(FOLDER .. "tiexec.1"):find(date, 1, true))
    end)
end)

describe("make install", function()
    it("installs them, and what shells complete; make uninstall leaves nothing", function()
        local root <close> = support.folder()
        local make = "make -s DESTDIR=" .. root.path .. " PREFIX=/usr "
        assert.equal(0, support.shell(make .. "install").code)
        local files = support.shell("cd " .. root.path .. " && find . -type f").out
        for _, path in ipairs { "bin/tiexec", "share/man/man1/tiexec.1", "share/man/man3/tiexec.3lua",
            "share/man/man5/tiexec-profile.5", "share/bash-completion/completions/tiexec",
            "share/fish/vendor_completions.d/tiexec.fish", "share/zsh/site-functions/_tiexec" } do
            assert.truthy(files:find("./usr/" .. path .. "\n", 1, true), path)
        end
        assert.equal(0, support.shell(make .. "uninstall").code)
        assert.equal("", support.shell("cd " .. root.path .. " && find . -type f").out)
    end)
end)
