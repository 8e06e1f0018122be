-- SPDX-License-Identifier: Apache-2.0
-- From the host into a container: a process there is attached to by each source, inspected, and undone. It has paths,
-- process ids, users and rights of its own, and a root with nothing else in it.

local apart = require "tests.lib.apart"
local core = require "tiexec.core"
local json = require "dkjson"
local support = require "tests.lib.support"

local T <const> = core.realpath(support.tiexec)
local HUGE <const> = core.host().huge_page_size

-- Only the program's own process ids are seen there.
local SAME_ROOT <const> = [[exec "$2/confined" filter]]

-- A root with nothing but the program in it, which is nowhere else.
local OWN_ROOT <const> = [[
    mount -t tmpfs none "$1"; cd "$1"; mkdir proc old
    cp "$2/confined" here; mount -t proc none proc; pivot_root . old; exec /here filter]]

-- Nothing can be written there, and nothing but the program can be executed.
local READ_ONLY <const> = [[
    mount -t tmpfs none "$1"; cd "$1"; mkdir proc old dev
    cp "$2/confined" here; mount -t proc none proc; mount -t tmpfs -o noexec,ro none dev
    mount --bind here here; mount -o remount,bind,ro here; mount -o remount,ro,noexec "$1"
    cd "$1"; pivot_root . old; exec /here filter]]

-- An OCI runtime, with the configuration `$4`.
local OCI <const> = [[
    umount -l /sys/fs/cgroup 2>/dev/null || :
    mount -t cgroup2 none /sys/fs/cgroup; mount -t tmpfs none /run
    mount -t tmpfs none "$1"; cd "$1"; mkdir -p root/proc root/dev; cp "$2/confined" root/here
    printf '%s' "$4" >config.json; exec crun --cgroup-manager=disabled run "tiexec-apart-$$"]]

local function configuration(linux)
    local namespaces = {}
    for i, name in ipairs { "pid", "mount", "ipc", "uts", "network" } do namespaces[i] = { type = name } end
    if linux.uidMappings then namespaces[#namespaces + 1] = { type = "user" } end
    linux.namespaces = namespaces
    local user = linux.uidMappings and 0 or 65534
    return json.encode {
        ociVersion = "1.0.2",
        process = { user = { uid = user, gid = user }, args = { "/here", "filter" }, env = { "A=b" }, cwd = "/",
            noNewPrivileges = true },
        root = { path = "root", readonly = true },
        mounts = {
            { destination = "/proc", type = "proc", source = "proc" },
            { destination = "/dev", type = "tmpfs", source = "tmpfs", options = { "nosuid", "noexec", "size=64k" } },
        },
        linux = linux,
    }
end

local FILTERED <const> = configuration { seccomp = { defaultAction = "SCMP_ACT_ALLOW",
    syscalls = { { names = { "perf_event_open", "userfaultfd", "mount", "bpf" }, action = "SCMP_ACT_ERRNO" } } } }
local OWN_USERS <const> = configuration {
    uidMappings = { { containerID = 0, hostID = 100000, size = 65536 } },
    gidMappings = { { containerID = 0, hostID = 100000, size = 65536 } } }

local PIDS <const> = { "-p", "-f", "--kill-child" }

-- name, words for unshare, shell lines, the program's name there, `$4`
local worlds = {
    { "a pid and a mount namespace", support.concat(PIDS, { "--mount-proc" }), SAME_ROOT, "confined" },
    { "a root of its own", PIDS, OWN_ROOT, "here" },
    { "a user namespace", support.concat({ "-U", "-r" }, PIDS, { "--mount-proc" }), SAME_ROOT, "confined" },
    { "a read-only root where nothing can be executed", PIDS, READ_ONLY, "here" },
    { "a container of crun, with a filter and without rights", { "--cgroup" }, OCI, "here", FILTERED },
    { "a container of crun, with users of its own", { "--cgroup" }, OCI, "here", OWN_USERS },
}

-- Sets the host up for a source. To be closed; nil: that is not allowed.
local function arrange(source)
    if source == "hugetlb" then return support.pool(16) end
    return support.thp("madvise")
end

local function check(source, pid, program)
    local cache <close> = support.folder("/dev/shm")
    local function tiexec(...)
        local result = support.run { "env", "TIEXEC_CACHE=" .. cache.path, "timeout", "-s", "KILL", "60", T, ... }
        assert.equal(0, result.code, result.err)
        return result
    end
    tiexec("--sources", source, "--attach", tostring(pid))
    assert.is_true(support.huge_text(pid) >= 2 * HUGE)
    assert.truthy(tiexec("--inspect", tostring(pid)).out:find(program, 1, true))
    local err = tiexec("-v", "--undo", tostring(pid)).err
    -- some kernels map what the page cache has in huge pages so, unasked, as soon as it is there
    local is_unasked = source == "file" and err:find("there is nothing to undo", 1, true)
    assert.truthy(is_unasked or err:find("are mapped as its files have them", 1, true), err)
    assert.equal(0, core.status(pid, "TracerPid"))
    assert.truthy(core.readlink(("/proc/%d/exe"):format(pid)))
end

describe("from the host, a process in", function()
    for _, world in ipairs(worlds) do
        local name, words, lines, program, more = table.unpack(world)
        for _, source in ipairs { "file", "shared", "thp", "hugetlb" } do
            it(("%s is attached to by %s, inspected, and undone"):format(name, source), function()
                local host <close> = arrange(source)
                if not host then return pending("the host cannot be arranged for it: not root, or no memory") end
                local inside <close> = apart.start(lines, words, more)
                if not inside.said("free") then
                    return pending("no such namespaces: " .. support.read_file(inside.folder .. "/out"))
                end
                check(source, assert(apart.find(inside.pid, program)), program)
            end)
        end
    end
end)
