-- SPDX-License-Identifier: Apache-2.0
-- docs/SERVICES.md: its examples work, and what it says is true, as far as that can be tried here.

local core = require "tiexec.core"
local failure = require "tests.lib.failure"
local json = require "dkjson"
local manager = require "tests.lib.manager"
local reachable = require "tests.lib.reachable"
local support = require "tests.lib.support"

local here, remove = reachable.folder()
os.execute(("cp %sshareable %sbuild/tests/; cp \"$(realpath /usr/bin/python3)\" %spython3; chmod -R go+rX %s"):format(
    support.programs, here, here, here))
teardown(remove)

-- The example in the document whose text has `words`.
local function example(words)
    for text in support.read_file("docs/SERVICES.md"):gmatch("\n```%a+\n(.-)\n```") do
        if text:find(words, 1, true) then return text .. "\n" end
    end
    error("no example with " .. words)
end

local function replace(text, from, to)
    local i, j = text:find(from, 1, true)
    assert(i, from)
    return text:sub(1, i - 1) .. to .. text:sub(j + 1)
end

local concat = support.concat

local function as_root(test)
    return function()
        if not support.is_root then return pending "needs root, to make namespaces" end
        return test()
    end
end

-- A program that tells its manager that it is there, and stays. "forking": it goes to the background, as daemons did.
support.write_file(here .. "server.py", [[
import os, signal, socket, sys, time
if sys.argv[1:] == ["forking"]:
    if os.fork(): os._exit(0)
    os.setsid()
    with open("/run/server.pid", "w") as file: file.write("%d\n" % os.getpid())
else:
    address = os.environ["NOTIFY_SOCKET"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.connect(address.replace("@", "\0", 1))
        notify.send(b"READY=1\nMAINPID=%d\nSTATUS=serving" % os.getpid())
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
while True: time.sleep(1)
]])

-- Waits for the message, as systemd does: with the credentials of its sender, which the kernel vouches for.
local listener <const> = [[
import os, signal, socket, struct, subprocess, sys
path, words = sys.argv[1], sys.argv[2:]
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
    notify.bind(path)
    notify.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    notify.settimeout(60)
    child = subprocess.Popen(words, env=dict(os.environ, NOTIFY_SOCKET=path))
    message, ancillary, _, _ = notify.recvmsg(4096, socket.CMSG_SPACE(12))
    sender = struct.unpack("3i", ancillary[0][2])[0]
    huge = os.popen("awk '/ r-xp /{x=1} /^[0-9a-f]+-.* [^ ]*w[^ ]* /{x=0} x && /PmdMapped|AnonHuge/{s+=$2}"
        " END{print s+0}' /proc/%d/smaps" % child.pid).read()
    child.terminate()
    print(child.pid == sender, message.decode().split("\n")[1] == "MAINPID=%d" % child.pid, int(huge) > 0, child.wait())
]]

describe("a service manager", function()
    it("gets the message of the process that it has started, by name and by credentials", function()
        local result = support.run { "python3", "-c", listener, here .. "notify", "env", "PYTHONHOME=/usr",
            here .. "build/tiexec", "--strict", here .. "python3", here .. "server.py" }
        assert.equal("True True True 0\n", result.out, result.err)
    end)

    it("gives ambient capabilities, which CMD has, and which are in nobody's way", as_root(function()
        local user = { "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
            "--inh-caps=-all,+net_bind_service", "--ambient-caps=-all,+net_bind_service" }
        local status = { "grep", "^Cap", "/proc/self/status" }
        local plain = support.run(concat(user, status))
        assert.truthy(plain.out:find("CapEff:\t0000000000000400", 1, true), plain.out .. plain.err)
        local tiexec = { here .. "build/tiexec", "--strict" }
        failure.same_end(plain, support.run(concat(user, tiexec, status)))
        local result = support.run(concat(user, tiexec, { here .. "build/tests/ample", "x" }))
        assert.same({ 3, "" }, { result.code, result.err })
    end))

    it("finds the process of a program that goes to the background", as_root(function()
        local folder <close> = support.folder()
        local run = support.run { "unshare", "--mount", "sh", "-c",
            ('mount --bind %s /run && exec "$@"'):format(folder.path), "sh", "env", "PYTHONHOME=/usr",
            here .. "build/tiexec", "--strict", here .. "python3", here .. "server.py", "forking" }
        assert.same({ 0, "" }, { run.code, run.err })
        local pid = support.wait_for(function() return tonumber(support.read_file(folder.path .. "/server.pid")) end)
        assert.is_true(support.huge_text(pid) > 0)
        assert.equal(0, core.status(pid, "TracerPid"))
        os.execute("kill " .. pid)
    end))
end)

-- The drop-in of the document, for another program.
local function drop_in(command, more)
    local text = replace(example("prometheus.service.d/tiexec.conf"), "/usr/bin/prometheus $ARGS", command)
    return replace(text, "/usr/local/bin/tiexec", "/run/test/build/tiexec") .. (more or "")
end

local function service(lines)
    return "[Service]\nEnvironment=PYTHONHOME=/usr TIEXEC=strict\nStandardError=append:/run/test/err\n" .. lines .. "\n"
end

-- A script that tells all there is to know of server.service after its start. A service of Type=exec counts as
-- started when tiexec has been.
local examine <const> = [[
pid=$(systemctl show --value -p MainPID server)
for i in $(seq 100); do
    [ "$(readlink /proc/$pid/exe)" != /run/test/build/tiexec ] && grep -q '^TracerPid:.0$' /proc/$pid/status && break
    sleep 0.1
done
systemctl show -p ActiveState,StatusText,NotifyAccess,Result server
[ $pid != 0 ] || exit
echo exe $(readlink /proc/$pid/exe)
grep -E '^(Uid|CapEff|NoNewPrivs|TracerPid)' /proc/$pid/status
/run/test/build/tiexec --inspect $pid --json >/run/test/inspected
]]

describe("systemd", function()
    -- Starts server.service with a drop-in, and gives a function that asserts words in what there is to know of it,
    -- what --inspect finds, and what went to standard error.
    local function start(unit, conf)
        for _, name in ipairs { "err", "inspected" } do os.remove(here .. name) end
        local out, why = manager.run(here, { ["server.service"] = service(unit),
            ["server.service.d/tiexec.conf"] = conf }, examine)
        if not out then return nil, why end
        local found = json.decode(support.read_file(here .. "inspected") or "")
        assert(found, out)
        return function(words)
            assert.truthy(out:find(words, 1, true), ("no '%s' in:\n%s%s"):format(words, out,
                support.read_file(here .. "err") or ""))
        end, found, support.read_file(here .. "err") or ""
    end

    it("accepts the drop-in", function()
        if support.shell("command -v systemd-analyze").code ~= 0 then return pending "systemd is not installed" end
        local folder <close> = support.folder()
        os.execute(("mkdir %s/prometheus.service.d"):format(folder.path))
        support.write_file(folder.path .. "/prometheus.service", "[Service]\nExecStart=/bin/false\n")
        local conf = folder.path .. "/prometheus.service.d/tiexec.conf"
        local function verify(text)
            support.write_file(conf, text)
            return support.run { "env", ("SYSTEMD_UNIT_PATH=%s:"):format(folder.path), "systemd-analyze", "--man=no",
                "verify", folder.path .. "/prometheus.service" }
        end
        local text = replace(drop_in("/bin/true $ARGS"), "/run/test/build/tiexec", here .. "build/tiexec")
        local result = verify(text)
        assert.same({ 0, "" }, { result.code, result.err })
        assert.not_equal("", verify(replace(text, "ExecStart=\n", "")).err) -- two commands, for a simple service
    end)

    it("Type=notify: READY and MAINPID come from the main process", as_root(function()
        local command = "/run/test/python3 /run/test/server.py"
        local told, found, err = start("Type=notify\nExecStart=" .. command, drop_in(command))
        if not told then return pending(found) end
        for _, words in ipairs { "ActiveState=active", "NotifyAccess=main", "StatusText=serving",
            "exe /run/test/python3", "TracerPid:\t0" } do told(words) end
        assert.is_true(found.totals.huge_bytes > 0)
        assert.equal("", err)
    end))

    it("Type=forking: the process of the PIDFile", as_root(function()
        local command = "/run/test/python3 /run/test/server.py forking"
        local told, found, err = start("Type=forking\nPIDFile=/run/server.pid\nExecStart=" .. command, drop_in(command))
        if not told then return pending(found) end
        told("ActiveState=active")
        told("exe /run/test/python3")
        assert.is_true(found.totals.huge_bytes > 0)
        assert.equal("", err)
    end))

    it("accepts the units of --warm and --service", function()
        if support.shell("command -v systemd-analyze").code ~= 0 then return pending "systemd is not installed" end
        local folder <close> = support.folder()
        for _, name in ipairs { "tiexec-warm", "tiexec" } do
            local text = example(("/%s.service\n"):format(name))
            text = replace(text, "/usr/local/bin/tiexec", here .. "build/tiexec")
            support.write_file(("%s/%s.service"):format(folder.path, name), text)
            local result = support.run { "env", ("SYSTEMD_UNIT_PATH=%s:"):format(folder.path), "systemd-analyze",
                "--man=no", "verify", ("%s/%s.service"):format(folder.path, name) }
            assert.same({ 0, "" }, { result.code, result.err })
        end
    end)

    local ample <const> = "/run/test/build/tests/ample wait"
    local hardened <const> = [[
User=nobody
CapabilityBoundingSet=
NoNewPrivileges=yes
MemoryDenyWriteExecute=yes
ProtectSystem=strict
ProtectHome=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
ProtectProc=invisible
ProcSubset=pid
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
RestrictNamespaces=yes
LockPersonality=yes
LimitMEMLOCK=0
SystemCallArchitectures=native
SystemCallFilter=@system-service
]]

    it("a unit with all that it has of hardening", as_root(function()
        local told, found, err = start(("Type=exec\nExecStart=%s\n%s"):format(ample, hardened),
            drop_in(ample, "SystemCallFilter=ptrace\n"))
        if not told then return pending(found) end
        for _, words in ipairs { "ActiveState=active", "exe /run/test/build/tests/ample", "Uid:\t65534",
            "CapEff:\t0000000000000000", "NoNewPrivs:\t1" } do told(words) end
        assert.is_true(found.totals.huge_bytes > 0, err)
        assert.equal("", err)
    end))

    -- Starts the unit of the document, and a server that knows nothing of it. Both are asked about by a script.
    local function serve(profile, lines, script)
        support.write_file(here .. "profile.lua", profile)
        for _, name in ipairs { "err", "metrics" } do os.remove(here .. name) end
        os.execute(("cp %sbigtext_no_pie %sserver"):format(support.programs, here))
        local unit = replace(example("/tiexec.service\n"), "/usr/local/bin/tiexec --service",
            "/run/test/build/tiexec --service --profile /run/test/profile.lua")
        local server = service(("Type=exec\nExecStart=/run/test/server wait\n%s"):format(lines))
        return manager.run(here, { ["tiexec.service"] = unit .. "[Service]\nStandardError=append:/run/test/err\n",
            ["server.service"] = "[Unit]\nAfter=tiexec.service\n" .. server }, [[
huge() { awk '/^[0-9a-f]+-[0-9a-f]+ /{x=($2 ~ /x/)} x && /PmdMapped|AnonHuge/{s+=$2} END{print s+0}' /proc/$1/smaps; }
pid() { systemctl show --value -p MainPID $1; }
server=$(pid server)
becomes_huge() { for i in $(seq 300); do [ $(huge $server) -gt 4000 ] && echo huge && return; sleep 0.1; done; }
]] .. script)
    end

    it("a service for the whole host: unchanged units get huge text; it is reloaded, killed, and comes back", as_root(
    function()
        local all <const> = 'return { match = { basename = "server" }, service = %s }'
        local out, why = serve(all:format '"sandboxed"', hardened, [[
becomes_huge
systemctl reload tiexec
for i in $(seq 100); do grep -qs 'reloads_total 1' /run/tiexec/service.prom && echo reloaded && break; sleep 0.1; done
before=$(pid tiexec)
systemctl kill -s KILL --kill-whom=main tiexec
for i in $(seq 100); do [ $(pid tiexec) != 0 ] && [ $(pid tiexec) != $before ] && echo again && break; sleep 0.1; done
[ $(pid server) = $server ] && systemctl is-active server
systemctl restart server
server=$(pid server)
becomes_huge
systemctl stop tiexec
systemctl is-active server
cp /run/tiexec/service.prom /run/test/metrics
]])
        if not out then return pending(why) end
        local told = support.read_file(here .. "err") or ""
        assert.equal("huge\nreloaded\nagain\nactive\nhuge\nactive\n", out, told)
        assert.is_nil(told:find("internal error", 1, true), told)
        out = serve(all:format "true", hardened, [[
for i in $(seq 100); do grep -qs seccomp /run/tiexec/service.prom && echo seen && break; sleep 0.1; done
huge $server
]])
        assert.equal("seen\n0\n", out, support.read_file(here .. "err"))
    end))

    it("a filter of system calls without ptrace: CMD runs plainly, and one line tells", as_root(function()
        local told, found, err = start(("Type=exec\nExecStart=%s\n%s"):format(ample, hardened),
            drop_in(ample, "Environment=TIEXEC=sources=thp\n"))
        if not told then return pending(found) end
        told("ActiveState=active")
        told("exe /run/test/build/tests/ample")
        -- The kernel itself may map huge pages of the file that are cached, but it copies nothing.
        for _, mapping in ipairs(found.mappings) do assert.not_equal("thp", mapping.from) end
        assert.truthy(failure.one_line({ err = err }):find("seccomp", 1, true))
    end))
end)

-- A root like that of a container: overlayfs, a /dev of its own with a /dev/shm like Docker's. `"$@"` runs in it.
local container <const> = [[
set -e
here=$1; shift
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
cd /mnt/root
mount -t proc proc proc; mount --rbind /sys sys; mount -t tmpfs -o mode=755 tmpfs dev
mount -t tmpfs -o mode=755 tmpfs run; mkdir -m 777 dev/shm run/volume; mknod -m 666 dev/null c 1 3
mount -t tmpfs -o mode=1777,size=64m,noexec shm dev/shm
mount -t tmpfs -o mode=777,size=256m volume run/volume
mkdir -p usr/local/tiexec; cp -r "$here"/* usr/local/tiexec/
exec chroot . "$@"
]]

describe("a container", function()
    local inside <const> = "/usr/local/tiexec/"

    local function run(words)
        return support.run(concat({ "timeout", "-s", "KILL", "60", "unshare", "--pid", "--mount", "--fork",
            "--kill-child", "sh", "-c", container, "sh", here:sub(1, -2), "env", "TIEXEC=", "TIEXEC_CACHE=" }, words))
    end
    local possible = support.is_root and run({ "true" }).code == 0
    local function contained(test)
        return function()
            if not possible then return pending "no overlayfs can be mounted" end
            return test()
        end
    end

    it("on overlayfs: the text is huge, by default", contained(function()
        local result = run { "sh", "-c", '"$@"; code=$?; cat /run/report; exit $code', "sh", inside .. "build/tiexec",
            "--report", "/run/report", "--strict", inside .. "build/tests/ample", "x" }
        assert.same({ 3, "" }, { result.code, result.err })
        local report = assert(json.decode(result.out:match("\n({[^\n]*})\n$")))
        assert.is_true(report.totals.huge_bytes > 0)
    end))

    it("shared: not in a /dev/shm like Docker's, and one line tells; in a tmpfs", contained(function()
        local words = { inside .. "build/tiexec", "--sources", "shared", inside .. "build/tests/shareable", "x" }
        assert.truthy(failure.one_line(run(words)):find("noexec", 1, true))
        local result = run(concat({ "env", "TIEXEC_CACHE=/run/tiexec", words[1], "--strict" },
            { table.unpack(words, 2) }))
        assert.same({ 0, "" }, { result.code, result.err })
    end))

    it("shared: in a volume that all may write to, in a folder of one's own", contained(function()
        local nobody = { "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs",
            "--bounding-set=-all", "--inh-caps=-all" }
        local words = { inside .. "build/tiexec", "--strict", "--sources", "shared", inside .. "build/tests/shareable",
            "x" }
        local result = run(concat(nobody, { "env", "TIEXEC_CACHE=/run/volume/own" }, words))
        assert.same({ 0, "" }, { result.code, result.err })
        failure.not_started(run(concat(nobody, { "env", "TIEXEC_CACHE=/run/volume" }, words)))
    end))
end)

describe("the example", function()
    local function parsed(words)
        local value, _, why = json.decode(example(words))
        return assert(value, why)
    end

    local function inside_oci(path) return "/usr/local/tiexec/" .. path end

    -- Runs a command under crun by the example; gives its end.
    local function run_oci(options, command)
        local config = parsed("ociVersion")
        assert.equal("prometheus", config.process.args[3])
        config.process.args = concat({ inside_oci("build/tiexec"), "--strict" }, options, { "--" }, command)
        config.root.path = "/mnt/root"
        support.write_file(here .. "config.json", json.encode(config))
        return support.run { "timeout", "-s", "KILL", "60", "unshare", "--mount", "--cgroup", "sh", "-c", [[
            umount -l /sys/fs/cgroup 2>/dev/null
            mount -t cgroup2 none /sys/fs/cgroup && mount -t tmpfs tmpfs /mnt && mount -t tmpfs tmpfs /run || exit 99
            mkdir -p /mnt/upper /mnt/work /mnt/root && cp "$1/config.json" /mnt
            mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root || exit 99
            mkdir -p /mnt/root/usr/local/tiexec && cp -r "$1"/* /mnt/root/usr/local/tiexec/
            cd /mnt && exec crun --cgroup-manager=disabled run tiexec-test-$$]], "sh", here:sub(1, -2) }
    end
    it("config.json runs in an OCI runtime, by file and by shared", as_root(function()
        if support.shell("command -v crun").code ~= 0 then return pending "crun is not installed" end
        local result = run_oci({}, { inside_oci("build/tests/ample"), "x" })
        assert.same({ 3, "" }, { result.code, result.err })
        result = run_oci({ "--sources", "shared" }, { inside_oci("build/tests/shareable"), "x" })
        assert.same({ 0, "" }, { result.code, result.err })
    end))

    -- The YAML documents, as `python3` reads them.
    local function yaml(words)
        local folder <close> = support.folder()
        support.write_file(folder.path .. "/yaml", example(words))
        local program <const> = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))"
        local result = support.run { "python3", "-c", program, folder.path .. "/yaml" }
        if result.err:find("No module", 1, true) or result.code == 127 then return nil, "PyYAML is not installed" end
        return assert(json.decode(result.out), result.err)
    end

    it("pod.yaml gives the cache a folder on the volume", function()
        local pod, why = yaml("# pod.yaml")
        if not pod then return pending(why) end
        local one = pod.spec.containers[1]
        local mounts = {}
        for _, mount in ipairs(one.volumeMounts) do mounts[mount.name] = mount.mountPath end
        for _, volume in ipairs(pod.spec.volumes) do assert.is_string(mounts[volume.name]) end
        assert.equal("Memory", pod.spec.volumes[1].emptyDir.medium)
        assert.equal(mounts.tiexec .. "/own", one.env[1].value)
        assert.equal("TIEXEC_CACHE", one.env[1].name)
    end)

    it("pod-hugetlb.yaml asks for as much as it is limited to, and memory; its settings are some", function()
        local pod, why = yaml("# pod-hugetlb.yaml")
        if not pod then return pending(why) end
        local one = pod.spec.containers[1]
        assert.same(one.resources.requests, one.resources.limits)
        assert.is_string(one.resources.limits["hugepages-2Mi"])
        assert.is_string(one.resources.limits.memory)
        local result = support.run { "env", "TIEXEC=" .. one.env[1].value, support.tiexec, "true" }
        assert.same({ 0, "" }, { result.code, result.err })
    end)
end)
