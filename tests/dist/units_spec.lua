-- SPDX-License-Identifier: Apache-2.0
-- The units of --service and --warm that are shipped, and the drop-ins of --unit, under systemd itself.

local manager = require "tests.lib.manager"
local reachable = require "tests.lib.reachable"
local support = require "tests.lib.support"

local here, remove = reachable.folder()
os.execute(("cp %sbigtext_no_pie %sserver && cp %sbigtext_no_pie %sother"):format(support.programs, here,
    support.programs, here))
teardown(remove)

local function shipped(name)
    return (assert(support.read_file("docs/systemd/" .. name)):gsub("/usr/local/bin/tiexec", "/run/test/build/tiexec"))
end

-- Units that are started with systemd: first of all one that makes folders.
local function prepare(words)
    return "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nRemainAfterExit=yes\n"
        .. "ExecStart=/bin/sh -c '" .. words .. "'\nStandardError=append:/run/test/err\n"
end

local function run(units, script)
    if not support.is_root then return nil, "needs root, to make namespaces" end
    os.remove(here .. "err")
    return manager.run(here, units, script)
end

local huge <const> = [[
huge() { awk '/^[0-9a-f]+-[0-9a-f]+ /{x=($2 ~ /x/)} x && /PmdMapped|AnonHuge/{s+=$2} END{print s+0}' /proc/$1/smaps; }
pid() { systemctl show --value -p MainPID $1; }
]]

describe("the shipped units", function()
    for _, name in ipairs { "tiexec.service", "tiexec-warm.service" } do
        it("are those of the document: " .. name, function()
            local text = support.read_file("docs/SERVICES.md")
            local own = support.read_file("docs/systemd/" .. name):gsub("^# SPDX[^\n]*\n", "")
            assert.truthy(text:find(("```ini\n# /etc/systemd/system/%s\n%s```"):format(name, own), 1, true))
        end)
    end

    it("are installed, with the program's path, and removed", function()
        local folder <close> = support.folder()
        local words = ("make -s %%s BUILD=%s PREFIX=/usr DESTDIR=%s"):format(support.build or "build", folder.path)
        assert.equal(0, support.shell(words:format "install").code)
        local unit = support.read_file(folder.path .. "/usr/lib/systemd/system/tiexec.service") or ""
        assert.truthy(unit:find("\nExecStart=/usr/bin/tiexec --service", 1, true), unit)
        assert.equal(0, support.shell(words:format "uninstall").code)
        assert.equal("", support.shell("find " .. folder.path .. " ! -type d").out)
    end)

    it("--warm: what profiles name by a path has huge text when it is started plainly", function()
        support.write_file(here .. "profile.lua", 'return { match = { path = "/run/test/server" } }')
        local out, why = run({
            ["prepare.service"] = prepare("rm -rf /etc/tiexec; mkdir -p /etc/tiexec/profiles.d; "
                .. "cp /run/test/profile.lua /etc/tiexec/profiles.d"),
            ["tiexec-warm.service"] = shipped "tiexec-warm.service",
            ["tiexec-warm.service.d/test.conf"] = "[Unit]\nAfter=prepare.service\n[Service]\nRemainAfterExit=yes\n"
                .. "StandardOutput=append:/run/test/err\n",
        }, huge .. [[
systemctl show -p ActiveState,Result tiexec-warm
/run/test/server wait >/dev/null &
for i in $(seq 100); do [ $(readlink /proc/$!/exe) = /run/test/server ] && break; sleep 0.1; done
for i in $(seq 20); do [ $(huge $!) -ge 4096 ] && break; sleep 0.1; done
echo $(huge $!)
kill $!
]])
        if not out then return pending(why) end
        assert.truthy(out:find("Result=success\nActiveState=active\n", 1, true), out)
        local kib = tonumber(out:match("\n(%d+)\n$"))
        local told = support.read_file(here .. "err")
        if told:find("no large folios", 1, true) then return pending "this filesystem has no large folios" end
        assert.truthy(told:find(" (%d+) of %1  /run/test/server\n"), told)
        assert.is_true(kib >= 4096, out .. told)
    end)
end)

describe("--unit", function()
    it("has systemd start a unit by tiexec, notices a changed unit, and takes it back", function()
        local out, why = run({ ["server.service"] = "[Service]\nType=exec\nExecStart=-/run/test/server wait\n" ..
            "StandardError=append:/run/test/err\n" }, huge .. [[
cd /etc/systemd/system
started() { systemctl restart server; for i in $(seq 100); do
    [ "$(readlink /proc/$(pid server)/exe)" = /run/test/$1 ] && grep -q '^TracerPid:.0$' /proc/$(pid server)/status &&
        [ $(huge $(pid server)) -gt $2 ] && break; sleep 0.1; done; echo $1 $(huge $(pid server)); }
/run/test/build/tiexec --unit server
started server 4000
/run/test/build/tiexec --unit server
sed -i s,test/server,test/other, /run/test/units/server.service
/run/test/build/tiexec --unit server
started other 4000
grep ExecStart server.service.d/tiexec.conf
/run/test/build/tiexec --unit server --remove
ls
systemctl show -p ExecStart server | grep -c tiexec
/run/test/build/tiexec --unit nothing
]])
        if not out then return pending(why) end
        local path <const> = "/etc/systemd/system/server.service.d/tiexec.conf"
        local plain = out:gsub(" (%d+)\n", function(kib) return tonumber(kib) >= 4096 and " huge\n" end)
        assert.equal(("server.service: wrote PATH; now: systemctl restart server.service\nserver huge\n"
            .. "server.service: PATH is up to date\n"
            .. "server.service: its ExecStart has changed: renewed PATH; now: systemctl restart server.service\n"
            .. "other huge\n# ExecStart=-/run/test/other wait\nExecStart=\n"
            .. "ExecStart=-/run/test/build/tiexec -- /run/test/other wait\n"
            .. "server.service: removed PATH; now: systemctl restart server.service\n0\n"
            .. "tiexec: nothing.service: there is no such unit (or no systemctl)\n"):gsub("PATH", path), plain)
    end)
end)
