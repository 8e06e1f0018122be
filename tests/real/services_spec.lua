-- SPDX-License-Identifier: Apache-2.0
-- Units as Debian ships them, hardened as they are, under systemd itself: with the drop-in of docs/SERVICES.md, and
-- unchanged, with the unit of --service beside them.

local json = require "dkjson"
local manager = require "tests.lib.manager"
local reachable = require "tests.lib.reachable"
local support = require "tests.lib.support"

local here, remove = reachable.folder()
teardown(remove)

-- The drop-in of the document, with the tiexec of this build.
local function drop_in()
    local text = support.read_file("docs/SERVICES.md"):match("```ini\n(.-)\n```")
    return (text:gsub("/usr/local/bin/tiexec", "/run/test/build/tiexec"))
end

local examine <const> = [[
pid=$(systemctl show --value -p MainPID prometheus)
for i in $(seq 100); do
    [ "$(readlink /proc/$pid/exe)" = /usr/bin/prometheus ] && grep -q '^TracerPid:.0$' /proc/$pid/status && break
    sleep 0.1
done
for i in $(seq 300); do
    bash -c 'exec 3<>/dev/tcp/127.0.0.1/9090 && echo "GET /-/ready HTTP/1.0" >&3 && echo >&3 && cat <&3' 2>/dev/null |
        grep 'Server is Ready' && break
    sleep 0.1
done
grep -E '^(Uid|CapEff|NoNewPrivs|Seccomp)' /proc/$pid/status
/run/test/build/tiexec --inspect $pid --json >/run/test/inspected
]]

describe("Debian's unit of", function()
    it("prometheus: it serves, as its user, with huge text", function()
        local unit = support.read_file("/lib/systemd/system/prometheus.service")
        if not (unit and support.is_root) then return pending("it is not installed, or this is not root") end
        assert.truthy(unit:find("MemoryDenyWriteExecute=true", 1, true))
        local out, why = manager.run(here, { ["prometheus.service"] = unit,
            ["prometheus.service.d/tiexec.conf"] = drop_in() .. "\nStateDirectory=prometheus\n"
                .. "StandardError=append:/run/test/err\n" }, examine)
        if not out then return pending(why) end
        local log = support.read_file(here .. "err") or ""
        local user = support.shell("id -u prometheus").out:match("%d+")
        for _, words in ipairs { "Server is Ready", "Uid:\t" .. user, "CapEff:\t0000000000000000", "NoNewPrivs:\t1",
            "Seccomp:\t2" } do assert.truthy(out:find(words, 1, true), words .. " is not in: " .. out .. log) end
        assert.is_nil(log:find("tiexec:", 1, true), log)
        local found = assert(json.decode(support.read_file(here .. "inspected") or ""))
        assert.is_true(found.totals.huge_bytes >= 20 << 20)
    end)
end)

-- Folders that packages have made, which the namespaces have not; a cluster of PostgreSQL's; and the profiles.
local prepare <const> = [=[
[Unit]
DefaultDependencies=no
Before=tiexec.service prometheus.service postgresql@%s.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -ec 'rm -rf /etc/tiexec; mkdir -p /etc/tiexec/profiles.d; \
    cp /run/test/profile.lua /etc/tiexec/profiles.d; \
    ln -s /run /var/run; install -d -o prometheus /var/lib/prometheus /var/lib/prometheus/metrics2; \
    install -d -o postgres /var/lib/postgresql /var/log/postgresql /run/postgresql; \
    pg_createcluster %s test >&2'
StandardError=append:/run/test/err
]=]

-- What becomes of a unit's main process, and of what that has forked.
local become <const> = [[
huge() { awk '/^[0-9a-f]+-[0-9a-f]+ /{x=($2 ~ /x/)} x && /PmdMapped|AnonHuge/{s+=$2} END{print s+0}' /proc/$1/smaps; }
becomes_huge() {
    main=$(systemctl show --value -p MainPID $1)
    for i in $(seq 600); do
        all=yes
        for pid in $main $(cat /proc/$main/task/$main/children); do
            [ "$(huge $pid)" -gt $2 ] && grep -q '^TracerPid:.0$' /proc/$pid/status || all=no
        done
        [ $all = yes ] && break
        sleep 0.1
    done
    echo $1 $all $(grep Seccomp: /proc/$main/status)
}
]]

describe("--service, beside Debian's own units, which are unchanged:", function()
    it("prometheus and PostgreSQL have huge text, and serve", function()
        local version = support.shell("ls /usr/lib/postgresql | sort -n | tail -n 1").out:match("%d+")
        local prometheus = support.read_file("/lib/systemd/system/prometheus.service")
        local postgresql = support.read_file("/lib/systemd/system/postgresql@.service")
        if not (version and prometheus and postgresql and support.is_root) then
            return pending("they are not installed, or this is not root")
        end
        local text = support.read_file("docs/SERVICES.md")
        support.write_file(here .. "profile.lua",
            text:match("\n```lua\n(%-%- /etc/tiexec/profiles%.d/servers%.lua\n.-)```"))
        local service = support.read_file("docs/systemd/tiexec.service")
            :gsub("/usr/local/bin/tiexec", "/run/test/build/tiexec")
        local instance = version .. "-test"
        local out, why = manager.run(here, {
            ["prepare.service"] = prepare:format(instance, version),
            ["tiexec.service"] = service,
            ["tiexec.service.d/test.conf"] = "[Service]\nStandardError=append:/run/test/err\n",
            ["prometheus.service"] = prometheus,
            [("postgresql@%s.service"):format(instance)] = postgresql,
        }, become .. ([[
becomes_huge prometheus 20000
becomes_huge postgresql@%s 4000
for i in $(seq 300); do
    bash -c 'exec 3<>/dev/tcp/127.0.0.1/9090 && echo "GET /-/ready HTTP/1.0" >&3 && echo >&3 && cat <&3' 2>/dev/null |
        grep 'Server is Ready' && break
    sleep 0.1
done
setpriv --reuid=postgres --regid=postgres --clear-groups psql -p $(cat /etc/postgresql/*/test/postgresql.conf |
    sed -n 's/^port = \([0-9]*\).*/\1/p') -Atc 'select 6 * 7' 2>&1
ls -A /etc/systemd/system
]]):format(instance))
        if not out then return pending(why) end
        local told = support.read_file(here .. "err") or ""
        assert.equal(("prometheus yes Seccomp: 2\npostgresql@%s yes Seccomp: 0\nServer is Ready.\n42\n")
            :format(instance), (out:gsub("Prometheus ", "")), told)
        for _, name in ipairs { "prometheus", "postgres" } do
            assert.truthy(told:find(name .. " %(process %d+%): [%d.]+ MiB of [%d.]+ MiB of text on huge pages\n"), told)
        end
    end)
end)
