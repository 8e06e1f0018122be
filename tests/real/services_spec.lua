-- SPDX-License-Identifier: Apache-2.0
-- Units as Debian ships them, hardened as they are, with the drop-in of docs/SERVICES.md, under systemd itself.

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
