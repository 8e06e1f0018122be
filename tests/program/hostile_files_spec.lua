-- SPDX-License-Identifier: Apache-2.0
-- Files that others have put in tiexec's way: strategies, profiles, caches, modules, names. None is obeyed that is
-- not the user's or root's own, none is waited for, and one line says so.

local core = require "tiexec.core"
local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

local test = failure.tests(it, 4)
local ample = support.programs .. "ample"
local tiexec = support.shell("realpath " .. support.tiexec).out:gsub("\n", "")

local folder = support.folder()
teardown(function() getmetatable(folder).__close(folder) end)

local GOOD <const> = "return { plan = function() return {} end }"

local count = 0
local function path_of(name)
    count = count + 1
    local path = ("%s/%d"):format(folder.path, count)
    os.execute("mkdir " .. path)
    return path .. "/" .. name
end

local function file(text, mode, owner)
    local path = path_of("s.lua")
    support.write_file(path, text)
    os.execute(("chmod %s %s"):format(mode or 644, path))
    if owner then os.execute(("chown %s %s"):format(owner, path)) end
    return path
end

local function made(command)
    local path = path_of("s.lua")
    assert(os.execute((command:gsub("PATH", path))))
    return path
end

local odd = { ["a FIFO"] = made "mkfifo PATH", ["a folder"] = made "mkdir PATH", ["an endless device"] = "/dev/zero",
    ["a link to a FIFO"] = made "mkfifo PATH.fifo && ln -s PATH.fifo PATH",
    ["an endless file"] = made "truncate -s 1T PATH" }

describe("what is no file of a few lines is refused at once:", function()
    for name, path in pairs(odd) do
        local line = name == "an endless file" and "too large" or "not"
        test(name .. ", as strategy", { command = { ample, "x" }, options = { "-s", path }, line = line })
        test(name .. ", as profile", { command = { ample, "x" }, options = { "--profile", path }, line = line })
        local config = path_of("tiexec")
        os.execute(("mkdir -p %s/profiles.d && ln -s %s %s/profiles.d/x.lua"):format(config, path, config))
        test(name .. ", in profiles.d", { command = { ample, "x" }, line = line, is_others = true,
            prefix = { "env", "XDG_CONFIG_HOME=" .. config:match("(.*)/") } })
    end

    it("as CMD it gives what env gives", function()
        local fifo = made "mkfifo -m 755 PATH"
        for _, path in ipairs { fifo, folder.path, "/dev/zero", odd["an endless file"] } do
            local plain = support.run { "timeout", "20", "env", path }
            local result = support.run { "timeout", "20", tiexec, path }
            assert.equal(plain.code, result.code)
            failure.one_line(result)
        end
    end)
end)

describe("a script", function()
    it("that is a FIFO is refused at once; one from a pipe runs", function()
        local fifo = made "mkfifo PATH"
        local result = support.run { "timeout", "-s", "KILL", "60", tiexec, "--script", fifo }
        assert.equal(125, result.code)
        assert.truthy(failure.one_line(result):find("FIFO", 1, true))
        assert.equal("42\n", support.shell("echo 'print(6 * 7)' | " .. tiexec .. " --script /dev/stdin").out)
    end)
end)

describe("root obeys no file of others:", function()
    if not support.is_root then return end

    local function refused(name, path, line)
        test(name, { command = { ample, "x" }, options = { "-s", path }, line = line })
    end

    refused("a strategy that belongs to another user", file(GOOD, 644, "nobody"), "belongs to another user")
    refused("a strategy that others may write to", file(GOOD, 666), "others may write to it")
    refused("a strategy that a group may write to", file(GOOD, 664), "others may write to it")
    local inside = file(GOOD)
    os.execute("chmod 777 " .. inside:match("(.*)/"))
    refused("a strategy in a folder that others may write to", inside, "a folder above it")
    local link = path_of("s.lua")
    os.execute(("ln -s %s %s && chown -h nobody %s"):format(file(GOOD), link, link))
    refused("a link that belongs to another user", link, "belongs to another user")

    test("a profile that belongs to another user", { command = { ample, "x" }, line = "belongs to another user",
        options = { "--profile", file("return { strategy = 'none' }", 644, "nobody") } })

    for _, variable in ipairs { "XDG_CONFIG_HOME", "HOME" } do
        local home = path_of("home")
        local config = home .. (variable == "HOME" and "/.config" or "")
        os.execute(("mkdir -p %s/tiexec/profiles.d %s/tiexec/strategies"):format(config, config))
        for _, name in ipairs { "a", "b" } do
            support.write_file(config .. "/tiexec/profiles.d/" .. name .. ".lua", "return { strategy = 'no-such' }")
        end
        support.write_file(config .. "/tiexec/strategies/mine.lua", GOOD)
        os.execute("chown -R nobody " .. home)
        local prefix = { "env", "-u", "XDG_CONFIG_HOME", variable .. "=" .. home }
        test("profiles where " .. variable .. " leads", { command = { ample, "x" }, prefix = prefix,
            line = "profiles%.d: not used, as root: it belongs to another user" })
        it("a strategy where " .. variable .. " leads", function()
            local result = support.run(support.concat(prefix, { tiexec, "-s", "mine", ample, "x" }))
            assert.equal(3, result.code)
            assert.truthy(result.err:find("mine.lua: not used, as root: it belongs to another user", 1, true))
        end)
    end

    it("its own are used, in a folder with the sticky bit, too", function()
        local inner <close> = support.folder("/tmp")
        support.write_file(inner.path .. "/s.lua", GOOD)
        assert.equal("", support.run { tiexec, "--strict", "-s", inner.path .. "/s.lua", ample, "x" }.err)
    end)
end)

describe("tiexec's own strategies are known by the file:", function()
    local own = assert(require "tiexec.plan.paths".own_strategies()) .. "/none.lua"

    -- Outside of a copy of the process `while` would never end.
    local LOOPS <const> = "while true do end"

    it("not by the folder that package.path leads to", function()
        local fake = path_of("strategies")
        os.execute("mkdir " .. fake)
        for _, name in ipairs { "none", "x" } do support.write_file(("%s/%s.lua"):format(fake, name), LOOPS) end
        local home = fake:match("(.*)/")
        for _, path in ipairs { home .. "/?.lua;;", "./?.lua;;" } do
            local result = support.shell(("cd %s; LUA_PATH='%s' timeout -k 3 60 %s -s %s/x.lua true")
                :format(home, path, tiexec, fake))
            assert.equal(0, result.code)
            assert.truthy(result.err:find("it ran too long", 1, true))
        end
    end)

    it("not by their name in another folder, and by another way to them", function()
        local copy = path_of("none.lua")
        support.write_file(copy, LOOPS)
        assert.truthy(support.run { "timeout", "60", tiexec, "-s", copy, "true" }.err:find("too long", 1, true))
        local there = own:gsub("/([^/]*)$", "/../strategies/%1")
        assert.equal("", support.run { "timeout", "60", tiexec, "--strict", "-s", there, ample, "x" }.err)
    end)
end)

describe("the current folder", function()
    it("is not where modules are looked for", function()
        local here = path_of("x"):match("(.*)/")
        local marker = here .. "/ran"
        local evil = ("io.open('%s', 'w'):close() return { encode = function() return '' end }"):format(marker)
        os.execute(("mkdir -p %s/tiexec"):format(here))
        for _, name in ipairs { "dkjson", "tiexec/cli", "tiexec/planner", "x" } do
            support.write_file(("%s/%s.lua"):format(here, name), evil)
        end
        local script = path_of("s.lua")
        support.write_file(script, "pcall(require, 'x') pcall(require, 'dkjson')")
        for _, words in ipairs { "--json --check true", "--json --inspect 1", "true", "--script " .. script } do
            support.shell(("cd %s; unset LUA_PATH LUA_CPATH; timeout -k 3 60 %s %s"):format(here, tiexec, words))
            assert.is_nil(support.read_file(marker), words)
        end
    end)

    it("is, where LUA_PATH says so; and so is a script's own folder", function()
        local here = path_of("x"):match("(.*)/")
        support.write_file(here .. "/x.lua", "return 7")
        support.write_file(here .. "/s.lua", "return require 'x'")
        support.write_file(here .. "/inner.lua", "return require 'x'")
        assert.equal(7, support.run { tiexec, "--script", here .. "/s.lua" }.code)
        local script = path_of("s.lua")
        support.write_file(script, "return require 'x'")
        assert.equal(7, support.shell(("cd %s; LUA_PATH='./?.lua;;' %s --script %s"):format(here, tiexec, script)).code)
    end)
end)

describe("the cache", function()
    local function shared(cache)
        return support.run(support.words_by("shared", cache, { ample, "x" }, { "--strict" }))
    end

    it("that is a symbolic link is refused, with slashes at its end, too", function()
        local inner <close> = support.folder("/dev/shm")
        os.execute(("mkdir %s/real; ln -s real %s/link"):format(inner.path, inner.path))
        for _, ending in ipairs { "", "/", "//" } do
            local line = failure.one_line(shared(inner.path .. "/link" .. ending))
            assert.truthy(line:find("link", 1, true), line)
        end
        assert.equal("", support.shell(("ls %s/real"):format(inner.path)).out)
        assert.equal("", shared(inner.path .. "/real//").err)
    end)

    it("of others is refused, with slashes at its end, too", function()
        local inner <close> = support.folder("/dev/shm")
        for command, line in pairs { ["chmod 777"] = "others may write to it",
            ["chown nobody"] = support.is_root and "it belongs to another user" or nil } do
            os.execute(("rm -rf %s/cache; mkdir %s/cache; %s %s/cache"):format(inner.path, inner.path, command,
                inner.path))
            for _, ending in ipairs { "", "/" } do
                assert.truthy(failure.one_line(shared(inner.path .. "/cache" .. ending)):find(line, 1, true))
            end
        end
    end)

    it("makes its copies, whatever has their temporary names", function()
        local inner <close> = support.folder("/dev/shm")
        local victim <close> = support.folder()
        support.write_file(victim.path .. "/file", "precious")
        assert.equal("", shared(inner.path).err)
        local names = support.shell("ls " .. inner.path).out
        assert.truthy(names:find("@", 1, true))
        for _, command in ipairs { "ln -s " .. victim.path .. "/file %s", "ln -s /nowhere/at/all %s", "mkfifo %s" } do
            os.execute(("rm -f %s/*"):format(inner.path))
            for name in names:gmatch("[^\n]+") do
                os.execute(command:format(support.quote { ("%s/%s.tmp"):format(inner.path, name) }))
            end
            assert.equal("", support.run { "timeout", "20", "env", "TIEXEC_CACHE=" .. inner.path, tiexec, "--cache",
                "list" }.err)
            assert.equal("", shared(inner.path).err)
            assert.equal(names, support.shell("ls " .. inner.path).out)
        end
        assert.equal("precious", support.read_file(victim.path .. "/file"))
    end)
end)

describe("with other rights than its caller (AT_SECURE)", function()
    it("the caller's environment does not count", function()
        if not support.is_root then return pending "only root can make such a file" end
        local here = path_of("x"):match("(.*)/")
        os.execute(("mkdir -p %s/build %s/scripts/strategies %s/config/tiexec/profiles.d; cp %s %s/build/tiexec")
            :format(here, here, here, tiexec, here))
        os.execute(("cp -p %s/build/tiexec %s/build/plain"):format(here, here))
        os.execute(("chmod 755 %s %s %s/build; chmod u+s %s/build/tiexec"):format(folder.path, here, here, here))
        os.execute(("cp scripts/strategies/*.lua %s/scripts/strategies"):format(here))
        support.write_file(here .. "/config/tiexec/profiles.d/x.lua", "error 'obeyed'")
        support.write_file(here .. "/dkjson.lua", "os.execute('id -u')")
        local set = { "env", "TIEXEC=bogus", "XDG_CONFIG_HOME=" .. here .. "/config", "LUA_PATH=" .. here .. "/?.lua" }
        local user = { "setpriv", "--reuid=nobody", "--clear-groups" }
        local result = support.run(support.concat(user, set, { here .. "/build/tiexec", "id", "-u" }))
        assert.equal(0, result.code)
        assert.is_nil(result.err:find("bogus", 1, true))
        assert.is_nil(result.err:find("obeyed", 1, true))
        local plain = support.run(support.concat(user, set, { here .. "/build/plain", "id", "-u" }))
        assert.truthy(plain.err:find("bogus", 1, true))
        assert.is_true(core.stat(here .. "/build/tiexec").mode & 0xe00 ~= 0)
    end)
end)
