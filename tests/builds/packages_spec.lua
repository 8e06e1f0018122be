-- SPDX-License-Identifier: Apache-2.0
-- Debian's packages, in a root of their own: what they have works, and purged they leave nothing:
-- `make builds`.

local support = require "tests.lib.support"

local root = support.folder()
teardown(function() getmetatable(root).__close(root) end)
local dpkg = ("dpkg --root=%s --force-depends --force-not-root --force-script-chrootless --log=/dev/null ")
    :format(root.path)

local function files()
    return support.shell(("cd %s && find . -path ./var -prune -o ! -type d -print | sort"):format(root.path)).out
end

describe("make deb", function()
    it("makes three packages, against which lintian has nothing to say", function()
        local result = support.shell("make -s deb")
        assert.equal(0, result.code, result.err)
        assert.same({ "lua-tiexec", "tiexec-doc", "tiexec" }, (function(names)
            for name in result.out:gmatch("build/deb/([%l-]+)_") do names[#names + 1] = name end
            return names
        end) {})
        assert.is_nil(result.out:find("\n[EWI]: "), result.out)
    end)

    it("makes the same bytes again", function()
        local before = support.shell("cd build/deb && sha256sum *.deb").out
        assert.equal(0, support.shell("make -s deb").code)
        assert.equal(before, support.shell("cd build/deb && sha256sum *.deb").out)
    end)
end)

describe("the packages", function()
    it("can be installed; the program starts one, and shows its page", function()
        support.shell(("mkdir -p %s/var/lib/dpkg/info %s/var/lib/dpkg/updates && touch %s/var/lib/dpkg/status")
            :format(root.path, root.path, root.path))
        local result = support.shell(dpkg .. "-i build/deb/*.deb")
        assert.equal(0, result.code, result.err)
        local run = support.run { root.path .. "/usr/bin/tiexec", "--strict", "-v", "--sources", "thp",
            support.programs .. "ample", "x" }
        assert.equal(3, run.code, run.err)
        assert.truthy(run.err:find(" 2 MiB.- thp "), run.err)
        local page = support.shell("man -l " .. root.path .. "/usr/share/man/man1/tiexec.1.gz")
        assert.truthy(page.out:find("huge pages", 1, true))
        local all = files()
        for _, path in ipairs { "lib/tiexec/tiexec", "lib/systemd/system/tiexec.service",
            "lib/systemd/system/tiexec-warm.service", "share/bash-completion/completions/tiexec",
            "share/lua/5.4/tiexec/strategies/hot.lua", "share/lua/5.4/tiexec/init.lua",
            "share/man/man3/tiexec.3lua.gz", "share/doc/tiexec-doc/README.md" } do
            assert.truthy(all:find("./usr/" .. path .. "\n", 1, true), path)
        end
        assert.is_nil(all:find("wants/tiexec", 1, true)) -- nobody has enabled a unit
        local unit = support.read_file(root.path .. "/usr/lib/systemd/system/tiexec.service")
        assert.truthy(unit:find("\nExecStart=/usr/bin/tiexec ", 1, true), unit)
    end)

    it("have the module for lua5.4", function()
        local found = support.shell("cd " .. root.path .. " && find usr/lib -name core.so").out
        local path = found:match("^(.-)/tiexec/core%.so")
        local result = support.shell(("LUA_PATH='%s/usr/share/lua/5.4/?.lua;%s/usr/share/lua/5.4/?/init.lua' "
            .. "LUA_CPATH='%s/%s/?.so' lua5.4 -e 'print(require \"tiexec\".find(\"sh\"))'")
            :format(root.path, root.path, root.path, path))
        assert.truthy(result.out:find("/sh\n", 1, true), result.err)
    end)

    it("are upgraded while a program runs that was started by them, and purged without remains", function()
        local program = root.path .. "/usr/bin/tiexec"
        local server <close> = support.start { program, "--follow=dlopen", "sleep", "100" }
        assert.equal(0, support.shell(dpkg .. "-i build/deb/tiexec_*.deb").code)
        assert.is_true(server:is_alive())
        support.shell(("mkdir -p %s/dev/shm/tiexec-7 && touch %s/dev/shm/tiexec-7/copy"):format(root.path, root.path))
        local wants = root.path .. "/etc/systemd/system/multi-user.target.wants"
        support.shell(("mkdir -p %s && ln -s /usr/lib/systemd/system/tiexec.service %s/"):format(wants, wants))
        local result = support.shell(dpkg .. "--purge tiexec lua-tiexec tiexec-doc")
        assert.equal(0, result.code, result.err)
        assert.equal("", files())
        assert.is_true(server:is_alive())
        assert.equal("", support.shell("find " .. root.path .. " -name 'tiexec*' ! -path '*/var/*'").out)
    end)
end)

describe("make tarball", function()
    it("has the one binary, which works where it was unpacked", function()
        local result = support.shell("make -s tarball")
        if result.err:find("cannot be linked statically", 1, true) then return pending(result.err) end
        local path = result.out:match("(build/tiexec%S+%.tar%.gz)")
        local folder <close> = support.folder()
        assert.equal(0, support.shell(("tar -C %s --strip-components=1 -xf %s"):format(folder.path, path)).code)
        local run = support.run { folder.path .. "/tiexec", "--strict", "--sources", "thp",
            support.programs .. "ample", "x" }
        assert.equal(3, run.code, run.err)
    end)
end)
