-- SPDX-License-Identifier: Apache-2.0
-- For the specs of services: systemd runs as the first process of namespaces of its own, with a test's units and
-- no others. Of the host it can write to one folder only, the test's, which is /run/test there; what is written to
-- /etc is gone with it.

local support = require "tests.lib.support"

local manager = {}

local TIMEOUT_S <const> = 60

-- Makes a control group that systemd is to divide, and namespaces in which that is the root. $1: the test's folder;
-- $2: the script to run there.
local outer <const> = [[
mkdir -p "$1/cgroup" && mount -t cgroup2 none "$1/cgroup" || exit 99
group=$1/cgroup/tiexec-test-$$
mkdir $group && echo $$ >$group/cgroup.procs || exit 99
exec unshare --cgroup --pid --mount --net --uts --ipc --fork --kill-child --mount-proc sh -c "$2" sh "$1"
]]

local inner <const> = [[
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system /run/test && mount --bind "$1" /run/test || exit 99
mount -t tmpfs tmpfs /var && mkdir -m 1777 /var/tmp && mount -t tmpfs tmpfs /tmp || exit 99
mount --bind /proc/sys /proc/sys && mkdir -p /run/etc/upper /run/etc/work || exit 99
for folder in / /sys /proc/sys; do mount -o remount,bind,ro $folder || exit 99; done
umount -l /sys/fs/cgroup 2>/dev/null; mount -t cgroup2 none /sys/fs/cgroup || exit 99
mount -t overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work overlay /etc || exit 99
mount -t tmpfs tmpfs /etc/systemd/system || exit 99
(: >/tiexec-test) 2>/dev/null && exit 99
units=/etc/systemd/system:/run/test/units
exec env -i PATH="$PATH" container=test SYSTEMD_UNIT_PATH=$units /lib/systemd/systemd --system \
    --unit=look.service --log-target=null --show-status=no --default-standard-output=null
]]

-- The unit that is started when all others have been. When it ends systemd ends, too.
local look <const> = [[
[Unit]
DefaultDependencies=no
Wants=%s
After=%s
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
ExecStart=/bin/sh /run/test/look
StandardOutput=file:/run/test/out
StandardError=file:/run/test/out
]]

local function write_units(path, units)
    local names = {}
    for name, text in pairs(units) do
        local folder = name:match("^(.*)/[^/]*$")
        os.execute(("mkdir -p '%s/units/%s'"):format(path, folder or ""))
        support.write_file(("%s/units/%s"):format(path, name), text)
        if not folder then names[#names + 1] = name end
    end
    local all = table.concat(names, " ")
    support.write_file(path .. "/units/look.service", look:format(all, all))
    for _, name in ipairs { "sysinit", "basic", "shutdown" } do -- what a service needs by default
        support.write_file(("%s/units/%s.target"):format(path, name), "[Unit]\nDefaultDependencies=no\n")
    end
end

-- Removes the control groups, which is possible once the last of their processes is gone.
local function remove_groups(path)
    support.wait_for(function()
        return support.run { "unshare", "--mount", "sh", "-c", [[mount -t cgroup2 none "$1" &&
            for group in "$1"/tiexec-test-*; do find $group -depth -type d -exec rmdir {} + ; done
            ! ls -d "$1"/tiexec-test-* 2>/dev/null]], "sh", path .. "/cgroup" }.code == 0
    end)
end

--- Starts systemd with units, and runs a shell script when all have been started; then all is ended.
-- @string path of the test's folder, to be /run/test
-- @tparam table units text by name; drop-ins as "NAME.service.d/NAME.conf"
-- @string script
-- @treturn[1] string what the script wrote
-- @treturn[2] nil, string why there is no systemd here
function manager.run(path, units, script)
    if not support.read_file("/lib/systemd/systemd") then return nil, "systemd is not installed" end
    os.execute(("rm -rf %s/units %s/out"):format(path, path))
    write_units(path, units)
    support.write_file(path .. "/look", script)
    local result = support.run { "timeout", "-s", "KILL", ("%d"):format(TIMEOUT_S * support.patience), "unshare",
        "--mount", "sh", "-c", outer, "sh", path, inner }
    remove_groups(path)
    local out = support.read_file(path .. "/out")
    if not out then return nil, "systemd cannot be started in a namespace: " .. result.err end
    return out
end

return manager
